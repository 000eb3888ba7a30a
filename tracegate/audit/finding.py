"""Records found by what somebody has in hand: an id out of an answer, a trace, or the text or body of the answer.

Ids stand in the leaves, which are looked through as bytes. Content stands nowhere: its digest is looked for in the
erasable tables, and what is found there counts only if the leaf commits to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from tracegate.audit.blinding import CANONICAL, TEXT, WIRE, committed, text_digest
from tracegate.audit.blinds import Blinds
from tracegate.audit.canonical import canonical_body
from tracegate.audit.closing import split
from tracegate.audit.content import CHOICES, texts_of_body, texts_of_stream
from tracegate.audit.directory import Directory
from tracegate.audit.events import Aborted
from tracegate.audit.kinds import Final, Intent
from tracegate.audit.records import Stood, first_of, stood
from tracegate.audit.saved import parse_saved
from tracegate.errors import Unreadable

MEMBERS = {"response-id": "response_id", "trace": "trace_id", "upstream": "upstream_request_id"}
"""Where an id stands in a leaf."""


def by_id(directory: Directory, by: str, value: str) -> Iterator[tuple[Stood, str]]:
    """Records whose leaves have an id, each once, with its closing leaf where it has one; the oldest first.

    Args:
        directory: With the logs.
        by: One of `MEMBERS`.
        value: The id.

    Raises:
        Malformed: A file of a log is not what it should be.
    """
    needle = f'"{MEMBERS[by]}":'.encode() + msgspec.json.encode(value)
    hits: dict[str, Stood] = {}
    for log in directory.logs():
        for index, raw in log.leaves(holding=needle):
            hit = stood(log, index, raw)
            if isinstance(hit.leaf, Intent | Final | Aborted):
                hits[hit.leaf.record_id] = hit  # what closes it comes later
    for hit in hits.values():
        yield hit, by


def by_text(directory: Directory, blinds: Blinds, text: str) -> Iterator[tuple[Stood, str]]:
    """Records whose answer has a text, however its line ends, accents and edges are written.

    Raises:
        Unreadable: There is no text.
        Malformed: A file of a log is not what it should be.
    """
    digest = text_digest(text)
    if digest is None:
        raise Unreadable("there is no text to look for")
    yield from _by_digest(directory, blinds, "text", digest)


def by_body(directory: Directory, blinds: Blinds, body: bytes) -> Iterator[tuple[Stood, str]]:
    """Records whose answer has a body: byte for byte, else in its canonical form, else by its text.

    Args:
        directory: With the logs.
        blinds: Of their records.
        body: Of the answer, or all of it as `curl -i` saves it; of a stream with its closing comment or without.

    Raises:
        Malformed: A file of a log is not what it should be.
    """
    try:
        saved = parse_saved(body)
        content, streamed = split(saved.body)[0] if saved.streamed else saved.body, saved.streamed
    except Unreadable:
        content, streamed = body, False
    form = None if streamed else canonical_body(content)
    texts = texts_of_stream(content) if streamed else texts_of_body(content)
    ways = [("wire", hashlib.sha256(content).digest())]
    ways += [] if form is None else [("canonical", hashlib.sha256(form).digest())]
    ways += [("text", digest) for _, text in sorted(texts.items()) if (digest := text_digest(text)) is not None]
    for kind, digest in ways:
        found = list(_by_digest(directory, blinds, kind, digest))
        if found:
            yield from found
            return


def _by_digest(directory: Directory, blinds: Blinds, kind: str, digest: bytes) -> Iterator[tuple[Stood, str]]:
    seen = set()
    for row in blinds.find(kind, digest):
        log = directory.log(row.log)
        raw = None if row.record_id in seen else log.leaf(row.index)
        if raw is None:
            continue
        hit = stood(log, row.index, raw)
        if isinstance(hit.leaf, Final) and hit.leaf.record_id == row.record_id:
            r = blinds.r(row.record_id, first_of(hit))
            if r is not None and _commits(hit.leaf, r, kind, digest):
                seen.add(row.record_id)
                yield hit, kind


def _commits(leaf: Final, r: bytes, kind: str, digest: bytes) -> bool:
    """Whether a leaf commits to a digest."""
    res = leaf.res
    if kind == "wire":
        return committed(r, WIRE, digest) == res.commit_wire
    if kind == "canonical":
        return committed(r, CANONICAL, digest) == res.commit_canonical
    said = {res.commit_text, *(res.commit_texts or ())} - {None}
    return any(committed(r, f"{TEXT}{choice}", digest) in said for choice in range(CHOICES))
