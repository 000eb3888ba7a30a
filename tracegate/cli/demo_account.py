"""What a witness says of one request: which attempts, who served it, what it cost.

Here it is read from what the client got, headers first and the comments of a stream where there are any; the same is
read from spans in `demo_stored`. Not a parser for any structured field: it reads the lists that this gateway writes.
Source: RFC 9651, sections 3.1 to 3.3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tracegate.cli.demo_client import Seen
from tracegate.testing.picture import money

_VALUE = r'"(?:\\.|[^"\\])*"|[^;,]*'
_PARAMETER = re.compile(rf";([a-z*][a-z0-9_.*-]*)(?:=({_VALUE}))?")
_MEMBER = re.compile(rf"([^;,\s]+)((?:;[^;,=]+(?:=(?:{_VALUE}))?)*)")
_COMMENT = ": tracegate-"


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt; `error` is said only where no refusing status says it."""

    provider: str
    target: str
    kind: str
    status: int | None
    error: str | None

    @property
    def failed(self) -> bool:
        """Whether it brought no answer."""
        return self.error is not None or (self.status is not None and self.status >= 400)

    @property
    def result(self) -> str:
        """The error, or the status."""
        return self.error or ("no answer" if self.status is None else str(self.status))


@dataclass(frozen=True, slots=True)
class Served:
    """Who served the answer."""

    provider: str
    model: str
    region: str | None
    target: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Account:
    """What one witness says of one request.

    Args:
        tries: The attempts, in order.
        served: Who served it; `None` when nobody could.
        cost: Of all attempts, in micro-units; `None` when one is unknown.
    """

    tries: tuple[Try, ...]
    served: Served | None
    cost: int | None

    def parts(self) -> Iterator[str]:
        """For people, in a few words each."""
        yield walk([(one.provider, one.result, one.kind == "fallback") for one in self.tries])
        if self.served is None:
            yield "nobody served"
        else:
            yield self.served.model
            yield self.served.region or "region unknown"
        yield "cost unknown" if self.cost is None else money(self.cost)


def walk(tries: Sequence[tuple[str, str, bool]]) -> str:
    """Provider and result of each attempt, and whether it was a fallback, on one line.

    >>> walk([("azure", "503", False), ("azure", "503", False), ("mistral", "200", True)])
    'azure 503 503 → mistral 200'
    """
    said, last = "", None
    for provider, result, fallback in tries:
        said += f" {result}" if provider == last and not fallback else f"{' → ' if said else ''}{provider} {result}"
        last = provider
    return said


def heard(seen: Seen) -> Account:
    """What the gateway told its client; of a stream that the client left, what its head could know."""
    comments = _comments(seen)

    def said(name: str, header: str) -> list[tuple[str, Mapping[str, str]]]:
        # What is only known at the end of a stream is in its comments, or nowhere.
        return members(comments.get(name, "") if comments else seen.headers.get(header, ""))

    cost = said("cost", "tracegate-cost")
    return Account(
        tuple(_try(*member) for member in said("attempts", "tracegate-attempts")),
        _served(*said("served-by", "x-served-by")[0]),
        int(cost[0][0]) if cost else None,
    )


def used(seen: Seen) -> tuple[int, int] | None:
    """Tokens in and out, as the client was told them; `None` when it was not."""
    comments = _comments(seen)
    if "usage" in comments:
        said = dict(part.split("=") for part in comments["usage"].split(", "))
        return int(said["input"]), int(said["output"])
    if seen.lines and seen.lines[0].startswith("{"):
        usage = json.loads("".join(seen.lines)).get("usage")
        return None if usage is None else (usage["prompt_tokens"], usage["completion_tokens"])
    return None


def trace_of(seen: Seen) -> str:
    """The id of the trace, from `traceresponse`."""
    return seen.headers["traceresponse"].split("-")[1]


def members(field: str) -> list[tuple[str, Mapping[str, str]]]:
    """The members of a list of tokens or numbers, each with its parameters as text.

    >>> members('openai;target="a, b";status=200, vllm;cancelled')
    [('openai', {'target': 'a, b', 'status': '200'}), ('vllm', {'cancelled': ''})]
    """
    return [
        (item, {name: _plain(value) for name, value in _PARAMETER.findall(said)})
        for item, said in _MEMBER.findall(field)
    ]


def _try(provider: str, said: Mapping[str, str]) -> Try:
    status = int(said["status"]) if "status" in said else None
    return Try(provider, said["target"], said["kind"], status, said.get("error"))


def _served(provider: str, said: Mapping[str, str]) -> Served | None:
    """The first member; without a model it is who failed last."""
    if "model" not in said:
        return None
    return Served(provider, said["model"], said.get("region"), said["target"], int(said["attempt"]))


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _comments(seen: Seen) -> Mapping[str, str]:
    lines = (line.removeprefix(_COMMENT).partition(" ") for line in seen.lines if line.startswith(_COMMENT))
    return {name: value for name, _, value in lines}
