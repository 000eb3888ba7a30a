"""A trace as text, so that a test can assert it whole.

```
assert span_tree(spans) == '''
POST /v1/chat/completions ok 200
  route default
    chat gpt-x    attempt=0 initial error 429
    chat claude-y attempt=1 fallback ok
'''
```

The text begins and ends with a line break, has no ids and no times, and comes out the same from spans of either
renderer, from spans that a receiver decoded, and from records. It prints what the spans say; whether that is
well-formed is `tracegate.testing.receiver`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tracegate.facts import Outcome
from tracegate.record import Record, Recorder
from tracegate.telemetry import names
from tracegate.telemetry.cause import error_type


class SpanLike(Protocol):
    """What a tree needs of a span: a view before it is rendered, or one that was decoded."""

    @property
    def name(self) -> str:
        """The span's name."""

    @property
    def kind(self) -> str:
        """`server`, `client`, `internal`."""

    @property
    def trace(self) -> bytes:
        """16 bytes."""

    @property
    def span(self) -> bytes:
        """8 bytes."""

    @property
    def parent(self) -> bytes:
        """8 bytes, or none for a root."""

    @property
    def start(self) -> int:
        """UTC nanoseconds."""

    @property
    def end(self) -> int:
        """UTC nanoseconds."""

    @property
    def attributes(self) -> Mapping[str, object]:
        """Attributes by name."""

    @property
    def status(self) -> str:
        """`unset`, `error` or `ok`."""


@dataclass(frozen=True, slots=True)
class Node:
    """One line of a tree before it is placed."""

    key: bytes
    parent: bytes
    order: tuple[int, int, str]  # start, index of the hop, name
    name: str
    facts: str


def span_tree(spans: Iterable[SpanLike], show: Sequence[str] = ()) -> str:
    """The spans as an indented tree, children in order of start; `show` names attributes to print where present."""
    return render([_of_span(span, show) for span in spans])


def record_tree(recorder: Recorder, *, notes: bool = False) -> str:
    """The records of one request as the tree their spans will be; with `notes`, what policies noted."""
    return render([_of_record(record, recorder, notes) for record in recorder.records])


def render(nodes: Sequence[Node]) -> str:
    """Nodes as indented lines; the names of siblings are padded to the same width."""
    lines = []
    for node, last, siblings in walk(nodes):
        width = max(len(sibling.name) for sibling in siblings)
        lines.append(f"{'  ' * (len(last) - 1)}{node.name:<{width}} {node.facts}".rstrip() + "\n")
    return "\n" + "".join(lines)


def walk(nodes: Sequence[Node]) -> Iterator[tuple[Node, tuple[bool, ...], Sequence[Node]]]:
    """Nodes depth first, each with whether it and its ancestors are the last among their siblings, and its siblings.

    A node whose parent is not among them is a root.
    """
    known = {node.key for node in nodes}
    children: dict[bytes, list[Node]] = {}
    for node in sorted(nodes, key=lambda node: node.order):
        children.setdefault(node.parent if node.parent in known else b"", []).append(node)
    stack: list[tuple[Node, tuple[bool, ...], list[Node]]] = []

    def push(siblings: list[Node], above: tuple[bool, ...]) -> None:
        stack.extend((node, (*above, node is siblings[-1]), siblings) for node in reversed(siblings))

    push(children.get(b"", []), ())
    while stack:
        node, last, siblings = stack.pop()
        yield node, last, siblings
        push(children.get(node.key, []), last)


def node_of(span: SpanLike, facts: str) -> Node:
    """The place of a span in its tree."""
    index = span.attributes.get(names.TRACEGATE_HOP_INDEX)
    order = (span.start, index if isinstance(index, int) else 0, span.name)
    return Node(_key(span.trace, span.span), _key(span.trace, span.parent), order, span.name, facts)


def _of_span(span: SpanLike, show: Sequence[str]) -> Node:
    said = span.attributes
    outcome, reason = said.get(names.TRACEGATE_OUTCOME), said.get(names.TRACEGATE_OUTCOME_REASON)
    match said.get(names.TRACEGATE_HOP_KIND):
        case "attempt":
            detail = said.get(names.ERROR_TYPE) if outcome == "error" else reason
            facts = _attempt(
                said.get(names.TRACEGATE_ATTEMPT_INDEX), said.get(names.TRACEGATE_ATTEMPT_KIND), outcome, detail
            )
        case None if span.kind == "server":
            facts = _server(outcome, reason, said.get(names.HTTP_RESPONSE_STATUS_CODE))
        case None:
            facts = _joined("error", said.get(names.ERROR_TYPE)) if span.status == "error" else ""
        case _:
            facts = _hop(outcome, reason)
    shown = (f"{name.rpartition('.')[2]}={_text(said[name])}" for name in show if name in said)
    return node_of(span, _joined(facts, *shown))


def _of_record(record: Record, recorder: Recorder, notes: bool) -> Node:
    outcome: Outcome | str = record.outcome or "open"
    name = record.name
    match record:
        case Record(kind="server"):
            name = f"{recorder.inbound.method} {recorder.inbound.route}"
            facts = _server(outcome, record.reason, recorder.inbound.status)
        case Record(attempt=attempt) if attempt is not None:
            facts = _attempt(attempt.index, attempt.why.kind, outcome, error_type(record) or record.reason)
        case _:
            name = f"route {name}" if record.kind == "route" else name
            facts = _hop(outcome, record.reason)
    noted = (f"{what}({_joined(*(f'{k}={v}' for k, v in said.items()))})" for what, said in record.notes if notes)
    parent = record.parent.span if record.parent is not None else b""
    return Node(record.span, parent, (record.start, record.index, name), name, _joined(facts, *noted))


def _attempt(index: object, kind: object, outcome: object, detail: object) -> str:
    return _joined(f"attempt={index}", kind, outcome, detail)


def _server(outcome: object, reason: object, status: object) -> str:
    return _joined(outcome, status, None if outcome == "error" else reason)


def _hop(outcome: object, reason: object) -> str:
    return "" if outcome == "ok" else _joined(outcome, reason)


def _joined(*words: object) -> str:
    return " ".join(str(word) for word in words if word not in (None, ""))


def _key(trace: bytes, span: bytes) -> bytes:
    return trace + span if span else b""


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return ",".join(map(_text, value))
    return str(value)
