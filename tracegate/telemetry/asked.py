"""A request's parameters as the entries of a span's attributes, each value encoded once."""

from __future__ import annotations

from tracegate.facts import Target
from tracegate.telemetry.parameters import READ, parameter, parameters
from tracegate.telemetry.protobuf import field, key_value
from tracegate.wire.body import Body

ENTRY = 0x4A  # Span.attributes = 9

KEPT = 1024
"""Values whose entries are kept; when they are full they are forgotten and begin anew."""

SHORT = 64
"""Bytes of a value that may be kept."""

_TOGETHER = frozenset({"max_completion_tokens", "service_tier"})  # what these say hangs on more than themselves


class Asked:
    """Writes the parameters of requests as `Encoder` writes those that `parameters` finds."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], bytes] = {}

    def __call__(self, body: Body, target: Target) -> bytes:
        """The entries of an attempt at `target`, in the order of the request's members."""
        fields = body.fields
        if target.defaults or target.forced or not _TOGETHER.isdisjoint(fields):
            return b"".join([field(ENTRY, key_value(*found)) for found in parameters(body, target).items()])
        known = self._known
        parts = []
        for name, raw in fields.items():
            if name in READ:
                text = bytes(raw)
                entry = known.get((name, text))
                parts.append(self._learn(name, text) if entry is None else entry)
        return b"".join(parts)

    def _learn(self, name: str, text: bytes) -> bytes:
        found = parameter(name, text)
        entry = b"" if found is None else field(ENTRY, key_value(*found))
        if len(text) <= SHORT:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[name, text] = entry
        return entry
