"""Which step is next, and what comes of it: the one place that both forms of the simulator ask.

A script belongs to a model, a provider's model (`azure/gpt-5`), a provider (`azure/*`) or to all (`*`); the most
exact one counts. Each provider and model has its own place in it. A model that begins with `sim-` is its own script,
and any other a plain answer. Ids are drawn from the seed per provider and model, so concurrency does not change them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from email.utils import formatdate

from tracegate.testing.script import Script, ScriptError, Step
from tracegate.testing.script_text import PREFIX, Scripted, describe, read_script
from tracegate.testing.wire import Plan, plan
from tracegate.testing.wire_answer import Minted
from tracegate.testing.wire_flavour import FLAVOURS, Flavour, row_of
from tracegate.testing.wire_request import Asked, key_of, read_request
from tracegate.wire.headers import Headers

PLACEHOLDER = "\x7f"  # stands for a digit of an id in a plan that is kept; nothing says this character
KEPT_PLANS = 512  # per model; then all are dropped
CHAT = "/chat/completions"


class Turn:
    """What one call gets.

    Args:
        provider, model: Who was asked for what.
        name: The step in text form.
        plan: What happens; its data goes through `fill`.
        headers: The whole head.
    """

    __slots__ = ("_digits", "_place", "headers", "model", "name", "plan", "provider")

    def __init__(
        self,
        provider: str,
        model: str,
        name: str,
        plan: Plan,
        headers: Headers,
        place: bytes = b"",
        digits: bytes = b"",
    ) -> None:
        self.provider = provider
        self.model = model
        self.name = name
        self.plan = plan
        self.headers = headers
        self._place = place
        self._digits = digits

    def fill(self, data: bytes) -> bytes:
        """Bytes of the plan with the id of this call."""
        return data.replace(self._place, self._digits) if self._place else data


class Playbook:
    """Scripts, and how far each model is in its own.

    Args:
        scripts: By model, `provider/model`, `provider/*` or `*`; in any form that `read_script` takes.
        seed: Of the ids.
        created: `created` of every answer in UTC seconds; by default the time of the call.
        memory: Whether steps that only the exchange in memory can play are allowed.

    Raises:
        ScriptError: A script can't be read or played.
    """

    def __init__(
        self,
        scripts: Mapping[str, Scripted] | None = None,
        *,
        seed: int = 0,
        created: int | None = None,
        memory: bool = False,
    ) -> None:
        self._scripts: dict[str, Script] = {}
        self._players: dict[tuple[str, str], _Player] = {}
        self._providers: dict[str, str] = {}
        self._seed = seed
        self._created = created
        self._memory = memory
        self._date = (-1, "")
        self.put(scripts or {})

    @property
    def scripts(self) -> Mapping[str, Script]:
        """What was put, by name."""
        return self._scripts

    def put(self, scripts: Mapping[str, Scripted]) -> None:
        """Add or replace scripts; the models that they are for begin anew. All or none."""
        read = {name: self._checked(name, script) for name, script in scripts.items()}
        self._scripts |= read
        for place in [place for place in self._players if _names(*place) & read.keys()]:
            del self._players[place]

    def rewind(self) -> None:
        """Every model begins anew, ids too."""
        self._players.clear()

    def provider_of(self, path: str) -> str:
        """The provider that a path names: what stands before `/v1`, up to the first `/`; else an empty text."""
        provider = self._providers.get(path)
        if provider is None:
            before = path.partition("?")[0].removesuffix(CHAT).removesuffix("/v1")
            provider = self._providers[path] = before.strip("/").partition("/")[0]
        return provider

    def turn(self, provider: str, method: str, path: str, headers: Headers, body: bytes, wall: int) -> Turn:
        """What the next call gets; `wall` is its time in UTC nanoseconds."""
        asked = read_request(body)
        if isinstance(asked, str):
            return self._refused(provider, "", Step(status=400, message=asked), wall)
        player = self._players.get((provider, asked.model))
        if player is None:
            try:
                player = self._player(provider, asked.model)
            except ScriptError as exc:
                return self._refused(provider, asked.model, Step(status=404, message=str(exc)), wall)
        seconds = wall // 1_000_000_000
        created = seconds if self._created is None else self._created
        date = self._date[1] if self._date[0] == seconds else self._dated(seconds)
        return player.turn(asked, method, path, headers, body, created, date, seconds)

    def _checked(self, name: str, given: Scripted) -> Script:
        try:
            script = read_script(given)
            for step in script.steps:
                if step.flavour is not None and step.flavour not in FLAVOURS:
                    raise ScriptError(f"unknown flavour `{step.flavour}`; known: {', '.join(FLAVOURS)}")
                if step.memory_only and not self._memory:
                    raise ScriptError(
                        f"`{describe(step)}` is only for the exchange in memory, for a connection is made before the "
                        "model is known; over sockets use `Simulator.refusing_url` and `silent_url`"
                    )
        except ScriptError as exc:
            raise ScriptError(f"script `{name}`: {exc}") from exc
        return script

    def _player(self, provider: str, model: str) -> _Player:
        names = (f"{provider}/{model}", model, f"{provider}/*", "*")
        script = next((self._scripts[name] for name in names if name in self._scripts), None)
        if script is None:
            own = model.rpartition("/")[2]
            script = self._checked(model, own.removeprefix(PREFIX)) if own.startswith(PREFIX) else Script()
        player = _Player(script, provider, model, self._seed)
        self._players[provider, model] = player
        return player

    def _refused(self, provider: str, model: str, step: Step, wall: int) -> Turn:
        """What a request gets that no script can answer: the provider's error, logged under its status alone."""
        seconds = wall // 1_000_000_000
        player = _Player(Script((step,)), provider, model, self._seed)
        turn = player.turn(Asked(model=model), "", "", (), b"", seconds, self._dated(seconds), seconds)
        turn.name = str(step.status)
        return turn

    def _dated(self, seconds: int) -> str:
        self._date = (seconds, formatdate(seconds, usegmt=True))
        return self._date[1]


def head_bytes(turn: Turn) -> bytes:
    """The head of an answer, as HTTP/1.1 writes it."""
    lines = [f"HTTP/1.1 {turn.plan.status} {turn.plan.reason}", *(f"{name}: {value}" for name, value in turn.headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _names(provider: str, model: str) -> set[str]:
    return {f"{provider}/{model}", model, f"{provider}/*", "*"}


class _Player:
    """One model at one provider: its place in its script, its ids, and the plans worth keeping."""

    def __init__(self, script: Script, provider: str, model: str, seed: int) -> None:
        self._script = script
        self._provider = provider
        self._model = model
        self._calls = 0
        self._bytes = random.Random(f"{seed}/{provider}/{model}").randbytes
        self._kept: dict[tuple[object, ...], Plan] = {}
        self._kept_for = -1  # `created` of the kept plans
        self._steps = [_Prepared(step, row_of(step.flavour, provider)) for step in script.steps]

    def turn(
        self, asked: Asked, method: str, path: str, headers: Headers, body: bytes, created: int, date: str, seconds: int
    ) -> Turn:
        """See `Playbook.turn`."""
        calls = self._calls
        self._calls = calls + 1
        prepared = self._steps[calls if calls < len(self._steps) else self._script.at(calls)]
        digits = self._bytes(32).hex()
        request = digits[32:]
        own = prepared.own(request, date)
        size = prepared.flavour.id_digits
        if prepared.keepable and asked.plain:
            if self._kept_for != created or len(self._kept) > KEPT_PLANS:
                self._kept.clear()
                self._kept_for = created
            # What a kept plan depends on; its id is only a placeholder.
            shape = (prepared, asked.stream, asked.stream and asked.wants_usage, asked.n, len(asked.messages))
            made = self._kept.get(shape)
            if made is None:
                made = self._kept[shape] = prepared.plan(asked, Minted(prepared.placeholder, "", created))
            name = prepared.name
            head = made.headers + own
            return Turn(self._provider, self._model, name, made, head, prepared.place, digits[:size].encode())
        step = prepared.step
        minted = Minted(prepared.flavour.id_prefix + digits[:size], request, created)
        received = _received(method, path, headers, body) if step.say == "request" else ""
        made = prepared.plan(asked, minted, received, key_of(headers))
        if step.retry_date is not None:
            own += (("retry-after", formatdate(seconds + step.retry_date, usegmt=True)),)
        return Turn(self._provider, self._model, prepared.name, made, made.headers + own)


class _Prepared:
    """A step with what is the same for each of its calls."""

    __slots__ = ("_field", "_form", "flavour", "keepable", "name", "place", "placeholder", "step")

    def __init__(self, step: Step, flavour: Flavour) -> None:
        self.step = step
        self.flavour = flavour
        self.name = describe(step)
        self.keepable = _keepable(step)
        self.placeholder = flavour.id_prefix + PLACEHOLDER * flavour.id_digits
        self.place = (PLACEHOLDER * flavour.id_digits).encode()
        self._field, self._form = flavour.request_id or ("", "")

    def plan(self, asked: Asked, minted: Minted, received: str = "", key: str = "") -> Plan:
        """See `wire.plan`."""
        return plan(self.step, self.flavour, asked, minted, received, key)

    def own(self, request: str, date: str) -> Headers:
        """The fields of one call: its id and the date."""
        if not self._field:
            return (("date", date),)
        if self._form == "uuid":
            made = f"{request[:8]}-{request[8:12]}-{request[12:16]}-{request[16:20]}-{request[20:]}"
            return ((self._field, made), ("date", date))
        return ((self._field, self._form + request), ("date", date))


def _keepable(step: Step) -> bool:
    """Whether calls differ in nothing but the id, which stands whole in the bytes."""
    changing = step.failing or step.say != "text" or step.tools or step.calls or step.retry_date is not None
    broken = step.cut or step.stall or step.encoding or step.body_drip or step.bad_frame is not None
    return not (changing or broken or step.malformed is not None or step.error_event is not None)


def _received(method: str, path: str, headers: Headers, body: bytes) -> str:
    told = {"method": method, "path": path, "headers": headers, "body": json.loads(body)}
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)
