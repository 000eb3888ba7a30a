"""Reads a stream of OpenAI's format: whole events, each decoded once, forwarded unchanged.

An answer is complete at `[DONE]`, or at its end when every choice has its finish reason (rulings 27 and 54); anything
else broke. What was told before a failure is returned first, the failure is raised by the next call.
"""

from __future__ import annotations

from tracegate.dialects.openai_errors import decoded, refused_within
from tracegate.dialects.openai_shape import Delta, Shape, decode, decode_each
from tracegate.dialects.openai_usage import UsageShape, usage_of
from tracegate.dialects.sse import Decoder, edge
from tracegate.errors import Broken, Failed
from tracegate.events import Chunk, Event, Final
from tracegate.facts import Answer

_DONE = b"[DONE]"
_LAST = b"data: [DONE]\n\n"


class StreamReader:
    """A `Reader` of server-sent events.

    Args:
        facts: What is known of the answer already.
        status: HTTP status, 2xx.
        limit: Most bytes of one event.
        choices: How many choices were asked for.
        hide_usage: The client did not ask for the usage chunk (ruling 61).
        skip_malformed: Count malformed events instead of breaking (ruling 33).
    """

    __slots__ = (
        "_choices",
        "_committed",
        "_decoder",
        "_done",
        "_hide_usage",
        "_known",
        "_limit",
        "_reasons",
        "_skip_malformed",
        "_status",
        "_usage",
        "facts",
        "failure",
        "skipped",
    )

    def __init__(
        self, facts: Answer, status: int, limit: int, *, choices: int, hide_usage: bool, skip_malformed: bool
    ) -> None:
        self.facts = facts
        self.skipped = 0
        self.failure: Failed | None = None
        self._status = status
        self._limit = limit
        self._decoder = Decoder(limit)
        self._choices = choices
        self._hide_usage = hide_usage
        self._skip_malformed = skip_malformed
        self._reasons: dict[int, str | None] = {}  # of each choice seen
        self._usage: UsageShape | None = None  # the last report
        self._committed = False
        self._known = False  # whether all is known that any event may tell
        self._done = False

    def feed(self, data: bytes) -> list[Event]:
        """See `Reader.feed`: at most a chunk without output, a chunk, and the final."""
        if self.failure is not None:
            raise self.failure
        if self._done:
            return []
        told: list[Event] = []
        if blocks := self._decoder.blocks(data):
            events, done = blocks, False
            if blocks[-14:] == _LAST and blocks[-16:-14] in (b"", b"\n\n"):
                events, done = blocks[:-14], True
            shapes = decode_each(events) if len(blocks) <= self._limit else None
            if shapes is None:
                self._read_each(blocks, told)
            else:
                self._read(events, shapes, told)
                self._done = done and self.failure is None
        if self._done:
            self._finish(told)
        elif self._decoder.failure is not None and self.failure is None:
            self._decoder.failure.status = self._status
            self.failure = self._decoder.failure
        if self.failure is not None:
            self.facts.usage = None  # running usage of a stream that broke is no report (ruling 22)
            if not told:
                raise self.failure
        return told

    def _read(self, blocks: bytes, shapes: list[Shape], told: list[Event]) -> None:
        """Read events that are one line each, as they nearly always are: bytes are cut only where they must be.

        Args:
            blocks: All of them.
            shapes: What is in each.
            told: Gets what is to be told.
        """
        reasons, committed = self._reasons, self._committed
        parts: list[bytes] = []
        start, end = 0, len(blocks)  # of what is told next
        count = 0
        output = False
        texts: list[tuple[int, str]] | None = []  # while nothing odd comes
        for at, shape in enumerate(shapes):
            choices = shape.choices
            # Most events do nothing but go on with the answer, and nothing is to be learnt of them.
            if committed and choices and len(choices) == 1 and shape.usage is None and shape.x_groq is None:
                choice = choices[0]
                delta = choice.delta
                if (
                    delta is not None
                    and (delta.content or _says(delta))
                    and not (choice.finish_reason or choice.error or shape.error)
                    and choice.index in reasons
                    and (self._known or not self._tells(shape))
                ):
                    output = True
                    count += 1
                    if texts is not None and delta.content.__class__ is str:
                        texts.append((choice.index, delta.content))
                    continue
            texts = None
            if _refuses(shape):
                end = edge(blocks, at, len(shapes))
                payload = blocks[end + 6 : edge(blocks, at + 1, len(shapes)) - 2]
                self.failure = refused_within(self._status, decoded(payload))
                break
            said = self._learn(shape)
            if choices == [] and shape.usage is not None and self._hide_usage:
                parts.append(blocks[start : edge(blocks, at, len(shapes))])
                start = edge(blocks, at + 1, len(shapes))
                continue
            if said and not committed:
                committed = self._committed = True
                if count:
                    parts.append(blocks[start : (start := edge(blocks, at, len(shapes)))])
                    told.append(Chunk(b"".join(parts), count, output=False))
                    parts, count = [], 0
            output = output or said
            count += 1
        if count:
            parts.append(blocks[start:end])
            told.append(Chunk(parts[0] if len(parts) == 1 else b"".join(parts), count, output, texts))

    def _read_each(self, blocks: bytes, told: list[Event]) -> None:
        """Read events of whatever form, up to the end or what breaks the answer; for the arguments see `_read`."""
        parts: list[bytes] = []
        output = False
        for raw, payload, name, _, _ in self._decoder.events(blocks):
            if payload.startswith(_DONE):
                self._done = True
                break
            try:
                shape = decode(payload)
            except ValueError:
                if not self._skip_malformed:
                    self.failure = self._broken("http_protocol_error", "An event of the stream is not a JSON object.")
                    break
                self.skipped += 1
                continue
            if name == b"error" or (shape.says_error if name else _refuses(shape)):
                self.failure = refused_within(self._status, decoded(payload))
                break
            said = self._learn(shape)
            if shape.choices == [] and shape.usage is not None and self._hide_usage:
                continue
            if said and not self._committed:
                self._committed = True
                if parts:
                    told.append(Chunk(b"".join(parts), len(parts), output=False))
                    parts = []
            parts.append(raw)
            output = output or said
        if parts:
            told.append(Chunk(parts[0] if len(parts) == 1 else b"".join(parts), len(parts), output))

    def end(self) -> list[Event]:
        """See `Reader.end`.

        Raises:
            Broken: The stream ended before the answer did (`http_response_incomplete`).
        """
        if self.failure is not None:
            raise self.failure
        if self._done:
            return []
        if not self._complete():
            said = "before its answer was complete" if self._reasons else "without an answer"
            self.facts.usage = None
            self.failure = self._broken("http_response_incomplete", f"The stream ended {said}.")
            raise self.failure
        self._done = True
        return [Final(self.facts.usage, self.facts.finish_reasons)]

    def _finish(self, told: list[Event]) -> None:
        """The provider said `[DONE]`: it knows whether its answer is complete."""
        if not self._reasons:
            self.failure = self._broken("http_response_incomplete", "The stream ended without an answer.")
            return
        if self._usage is not None:
            self.facts.usage = usage_of(self._usage)
        told.append(Final(self.facts.usage, self.facts.finish_reasons))

    def _complete(self) -> bool:
        return len(self._reasons) >= self._choices and None not in self._reasons.values()

    def _broken(self, token: str, message: str) -> Broken:
        return Broken(token, message, status=self._status)

    def _tells(self, shape: Shape) -> bool:
        """Whether an event says something of the answer that none before it did."""
        facts = self.facts
        return bool(
            (facts.id is None and shape.id)
            or (facts.model is None and shape.model)
            or (facts.fingerprint is None and shape.system_fingerprint)
            or (facts.service_tier is None and shape.service_tier)
        )

    def _learn(self, shape: Shape) -> bool:
        """Take the facts of an event; returns whether output is in it."""
        facts = self.facts
        # The first that says something: Azure's first event has an empty id and model.
        if facts.id is None and shape.id:
            facts.id = shape.id
        if facts.model is None and shape.model:
            facts.model = shape.model
        if facts.fingerprint is None and shape.system_fingerprint:
            facts.fingerprint = shape.system_fingerprint
        if facts.service_tier is None and shape.service_tier:
            facts.service_tier = shape.service_tier
        self._known = None not in (facts.id, facts.model, facts.fingerprint, facts.service_tier)
        output = False
        for choice in shape.choices or ():
            reason = choice.finish_reason
            if reason:
                self._reasons[choice.index] = reason
                facts.finish_reasons = tuple(r for _, r in sorted(self._reasons.items()) if r is not None)
                output = True
            elif choice.index not in self._reasons:
                self._reasons[choice.index] = None
            if not output and choice.delta is not None:
                output = _says(choice.delta)
        usage = shape.usage or (shape.x_groq.usage if shape.x_groq is not None else None)
        if usage is not None:
            self._usage = usage
            if self._complete():
                facts.usage = usage_of(usage)
        return output


def _says(delta: Delta) -> bool:
    return bool(
        delta.content
        or delta.tool_calls
        or delta.reasoning_content
        or delta.reasoning
        or delta.refusal
        or delta.function_call
        or delta.audio
        or delta.reasoning_details
        or delta.images
    )


def _refuses(shape: Shape) -> bool:
    """Whether an event without a name is an error; most are none by the first look, and get no second one."""
    choices = shape.choices
    odd = not choices or len(choices) > 1 or choices[0].error or shape.error or shape.x_groq is not None
    return bool(odd and shape.says_error)
