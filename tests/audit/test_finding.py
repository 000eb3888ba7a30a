"""Records found by what somebody has in hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from tests.audit.leaves import GATEWAY, TRIED
from tests.audit.stored import (
    ANSWER,
    NAME,
    TENANT_KEY,
    S,
    T,
    at,
    beat,
    closed,
    final,
    intent,
    keep,
    opened,
    put,
    r_of,
    record_at,
    store,
)
from tracegate.audit import finding
from tracegate.audit.blinding import Mac
from tracegate.audit.blinds import Blinds
from tracegate.audit.directory import Directory
from tracegate.audit.events import Amend, Leaf
from tracegate.audit.records import Stood
from tracegate.audit.slots import Erasable, slots_of
from tracegate.errors import Malformed

ONE, TWO, RUNS = (record_at(T, n) for n in range(3))


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """Two answers with the same text, and a request that runs."""
    other = msgspec.structs.replace(TRIED, response_id='quo"te', upstream_request_id="u-2")
    first = intent(ONE, T)
    leaves: list[Leaf] = [
        opened(),
        first,
        final(ONE, T, at(1, first)),
        final(TWO, T + S, attempts=[other]),
        intent(RUNS, T),
        beat(T + S),
    ]
    store(tmp_path, leaves)
    keep(tmp_path, {ONE: 2, TWO: 3})
    return Directory(tmp_path)


def _ids(hits: list[tuple[Stood, str]]) -> list[tuple[str, str, int]]:
    return [(getattr(hit.leaf, "record_id", ""), by, hit.index) for hit, by in hits]


def _body(directory: Directory, body: bytes) -> list[tuple[str, str, int]]:
    return _ids(list(finding.by_body(directory, Blinds(directory.private), body)))


def test_an_id_is_found_in_the_leaves(directory: Directory) -> None:
    """Each record once, by the leaf that closes it where one does; all of them, for an id need not be unique."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    assert _ids(list(finding.by_id(directory, "trace", trace))) == [
        (ONE, "trace", 2),
        (TWO, "trace", 3),
        (RUNS, "trace", 4),
    ]
    assert _ids(list(finding.by_id(directory, "response-id", "chatcmpl-9"))) == [(ONE, "response-id", 2)]
    assert _ids(list(finding.by_id(directory, "response-id", 'quo"te'))) == [(TWO, "response-id", 3)]
    assert _ids(list(finding.by_id(directory, "upstream", "u-2"))) == [(TWO, "upstream", 3)]
    assert _ids(list(finding.by_id(directory, "upstream", "u-"))) == []


def test_an_id_in_another_leaf_is_no_record(directory: Directory) -> None:
    """What amends a record names its attempts too."""
    amend = Amend(v=1, log=opened().log, gateway=GATEWAY, t=T, record_id=ONE, of=at(2, opened()), attempts=[TRIED])
    store(directory.root, [opened(), amend])
    assert list(finding.by_id(Directory(directory.root), "response-id", "chatcmpl-9")) == []


def test_a_text_is_found_however_it_is_written(directory: Directory) -> None:
    """All records that answered so."""
    blinds = Blinds(directory.private)
    for text in ("Paris it is.", "\r\n Paris it is.\n"):
        assert _ids(list(finding.by_text(directory, blinds, text))) == [(ONE, "text", 2), (TWO, "text", 3)]
    assert list(finding.by_text(directory, blinds, "Paris it is")) == []
    with pytest.raises(Malformed, match="no text to look for"):
        list(finding.by_text(directory, blinds, " \n"))


def test_a_body_is_found_by_the_strongest_that_holds(directory: Directory) -> None:
    """Its bytes, else its canonical form, else the text that it has; with or without the head of the response."""
    assert _body(directory, ANSWER) == [(ONE, "wire", 2), (TWO, "wire", 3)]
    assert _body(directory, b"HTTP/1.1 200 OK\r\n\r\n" + ANSWER)[0] == (ONE, "wire", 2)
    assert _body(directory, json.dumps(json.loads(ANSWER), indent=1).encode())[0] == (ONE, "canonical", 2)
    assert _body(directory, ANSWER.replace(b"chatcmpl-9", b"chatcmpl-8"))[0] == (ONE, "text", 2)
    assert _body(directory, b'{"choices":[{"message":{"content":"London"}}]}') == []
    assert _body(directory, b"not JSON") == []


def test_a_stream_is_found_by_its_text(directory: Directory) -> None:
    """With the closing comment or without it."""
    events = (
        b'data: {"choices":[{"delta":{"content":"Paris "}}]}\n\ndata: {"choices":[{"delta":{"content":"it is."}}]}\n\n'
    )
    comment = b": tracegate-served-by x\n: tracegate-outcome ok\n\ndata: [DONE]\n\n"
    for stream in (events, events + comment):
        assert _body(directory, stream) == [(ONE, "text", 2), (TWO, "text", 3)]


def test_a_row_counts_only_if_the_leaf_commits_to_it(directory: Directory) -> None:
    """A table is no evidence; what was erased is not found."""
    digest = hashlib.sha256(b"forged").digest()
    rows = [("wire", digest), ("canonical", digest), ("text", digest)]
    slots = [slots_of(Erasable(ONE, "acme", r_of(ONE), rows), index, Mac(TENANT_KEY)) for index in (2, 3, 1, 77)]
    slots.append(slots_of(Erasable(record_at(T, 8), "acme", None, rows), 2, Mac(TENANT_KEY)))
    put(directory.private / f"{NAME}.slots", b"".join(slots))
    assert _body(directory, b"forged") == []
    blinds = Blinds(directory.private)
    assert list(finding._by_digest(directory, blinds, "canonical", digest)) == []
    assert list(finding._by_digest(directory, blinds, "text", digest)) == []


def test_a_record_is_told_once(directory: Directory) -> None:
    """However many rows it has."""
    table = directory.private / f"{NAME}.slots"
    table.write_bytes(table.read_bytes() * 2)
    assert _body(directory, ANSWER) == [(ONE, "wire", 2), (TWO, "wire", 3)]


def test_a_log_that_ended_is_looked_through_too(directory: Directory) -> None:
    """Whatever its state."""
    store(directory.root, [opened(), closed(T, "rotate")])
    assert list(finding.by_id(Directory(directory.root), "trace", "x")) == []
