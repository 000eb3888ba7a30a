"""Whether bytes and texts are those that a leaf commits to: answer, request, and what a person shows of an answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

from tracegate.audit.blinding import CANONICAL, REQUEST, TEXT, WIRE, blind, commit, r_hash, text_digest
from tracegate.audit.canonical import canonical_body
from tracegate.audit.content import CHOICES, Texts, texts_of_body, texts_of_stream
from tracegate.audit.events import Aborted
from tracegate.audit.kinds import Final
from tracegate.audit.receipt import Receipt
from tracegate.audit.signature import is_stream
from tracegate.audit.verdict import Report


class Shown(Protocol):
    """What a verifier was given beside the response."""

    @property
    def text(self) -> str | None:
        """The text of an answer."""

    @property
    def request(self) -> bytes | None:
        """The body of a request."""


def check_blinding(report: Report, receipt: Receipt | None, leaf: Final | Aborted | None) -> None:
    """Check that the blinding is the record's own, where a receipt has it whole."""
    if receipt is None or leaf is None:
        return
    if receipt.r is not None and leaf.r_hash is not None:
        same = r_hash(receipt.r).hex() == leaf.r_hash
        report.add("r_hash", "pass" if same else "fail", "of the record" if same else "it is another record's")
    elif receipt.r is None and receipt.blinds is None:
        report.add("r_hash", "missing", Opening(receipt).why)


def check_contents(
    report: Report, receipt: Receipt | None, leaf: Final | Aborted | None, content: bytes | None, shown: Shown
) -> None:
    """Check every commitment that there is something to compare with.

    Args:
        report: Gets the checks.
        receipt: Has the blinding.
        leaf: Of the record.
        content: The whole body of the answer; of a stream, what stands before its closing comment.
        shown: Text and request, to be compared.
    """
    if receipt is None or leaf is None:
        return
    opening = Opening(receipt)
    if shown.request is not None:
        _request(report, opening, leaf, shown.request)
    if not isinstance(leaf, Final):
        if content is not None or shown.text is not None:
            report.add("content", "missing", "the record was aborted: its leaf commits to no answer")
        return
    if content is not None:
        _answer(report, opening, leaf, content)
    if shown.text is not None:
        _text(report, opening, leaf, shown.text)


class Opening:
    """The blinds that a receipt has: all of them, some, or none."""

    def __init__(self, receipt: Receipt) -> None:
        self._receipt = receipt

    def commitment(self, name: str, digest: bytes) -> str | None:
        """What a leaf says of a digest, in hex; `None` where the blind of that field is not there."""
        receipt = self._receipt
        found = blind(receipt.r, name) if receipt.r is not None else (receipt.blinds or {}).get(name)
        return None if found is None else commit(found, digest).hex()

    @property
    def why(self) -> str:
        """Why a blind is not there."""
        if self._receipt.erased is not None:
            return f"the record was erased, by leaf {self._receipt.erased}"
        return "the receipt has no blinding for it"


def _request(report: Report, opening: Opening, leaf: Final | Aborted, body: bytes) -> None:
    if leaf.req is None:
        report.add("request", "missing", "the record was aborted: its leaf says nothing of the request")
        return
    found = opening.commitment(REQUEST, hashlib.sha256(body).digest())
    if found is None:
        report.add("request", "missing", opening.why)
    elif found == leaf.req.commit and len(body) == leaf.req.bytes:
        report.add("request", "pass", f"{len(body)} bytes")
    else:
        report.add("request", "fail", "the request is another than the one received")


def _answer(report: Report, opening: Opening, leaf: Final, content: bytes) -> None:
    wire = opening.commitment(WIRE, hashlib.sha256(content).digest())
    if wire is None:
        report.add("content", "missing", opening.why)
        return
    faults = list(_faults(opening, leaf, content, wire))
    report.add("content", "fail" if faults else "pass", "; ".join(faults) or f"{len(content)} bytes, as committed to")


def _faults(opening: Opening, leaf: Final, content: bytes, wire: str) -> Iterator[str]:
    res = leaf.res
    if len(content) != res.bytes:
        yield f"{len(content)} bytes; the leaf says {res.bytes}"
    if wire != res.commit_wire:
        yield "the bytes are others than those sent"
        return
    stream = is_stream(res.media or "")
    form = None if stream else canonical_body(content)
    canonical = None if form is None else opening.commitment(CANONICAL, hashlib.sha256(form).digest())
    if (form is None) != (res.commit_canonical is None) or canonical not in (None, res.commit_canonical):
        yield "the canonical form is another"
    texts = _texts(opening, texts_of_stream(content) if stream else texts_of_body(content))
    if texts is not None and texts != (res.commit_text, res.commit_texts or []):
        yield "the text is another"


def _texts(opening: Opening, texts: Texts) -> tuple[str | None, list[str]] | None:
    """What a leaf says of the texts of all choices; `None` where a blind is not there."""
    first, others = None, []
    for index, text in sorted(texts.items()):
        digest = text_digest(text)
        if digest is None:
            continue
        found = opening.commitment(f"{TEXT}{index}", digest)
        if found is None:
            return None
        if index == 0:
            first = found
        else:
            others.append(found)
    return first, others


def _text(report: Report, opening: Opening, leaf: Final, text: str) -> None:
    """Compare a text that somebody shows with the answer's, of whichever choice."""
    committed = {leaf.res.commit_text, *(leaf.res.commit_texts or ())} - {None}
    digest = text_digest(text)
    if not committed or digest is None:
        report.add("text", "fail", "the answer has no text" if digest is not None else "there is no text to compare")
        return
    found = [opening.commitment(f"{TEXT}{index}", digest) for index in range(CHOICES)]
    if committed & set(found) - {None}:
        report.add("text", "pass", "the answer's")
    elif None in found:
        report.add("text", "missing", opening.why)
    else:
        report.add("text", "fail", "it is not the answer's")
