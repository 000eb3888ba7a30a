"""The offline verifier: a saved response or capture, a receipt or bundle, pinned keys → a verdict.

No network, and no key but those of the caller. Everything that is looked at is a check with a name; a check that fails
is said and the others are still made, so that a reader sees what holds. Nothing is verified that needs what was not
given: then the verdict is `incomplete`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from tracegate.audit.agreement import closing_faults, head_faults
from tracegate.audit.blinding import blind
from tracegate.audit.closing import DONE, Closing, split
from tracegate.audit.contents import check_blinding, check_contents
from tracegate.audit.events import Aborted
from tracegate.audit.kinds import Final
from tracegate.audit.leaf import read
from tracegate.audit.policy import Policy
from tracegate.audit.receipt import Receipt, parse_bundle, parse_receipt
from tracegate.audit.saved import Saved, parse_saved
from tracegate.audit.signature import PROVENANCE, Fields, Request, content_digest, keyid_of, verify_response
from tracegate.audit.standing import check_standing
from tracegate.audit.structured import parse_dictionary
from tracegate.audit.verdict import Report
from tracegate.errors import Malformed, Unreadable

BEFORE = 1_000_000  # µs: a signature is not made earlier than this before its request came,
AFTER = 60_000_000  # nor later than this after its answer ended,
AHEAD = 300  # nor this many seconds ahead of the verifier's clock

Closed = Final | Aborted


@dataclass(frozen=True, slots=True)
class Given:
    """What a verifier was given.

    Args:
        policy: The keys that it trusts.
        now: Seconds since 1970 UTC.
        response: A saved response, or the events of a stream.
        bundle: A bundle, or a receipt alone.
        text: The text of an answer, to be compared with the leaf.
        request: The body of the request, to be compared with the leaf.
        method: Of the request; else what the leaf says, else `POST`.
        path: Of the request; else what the leaf says, else `/v1/chat/completions`.
        against: A checkpoint of the same log that was saved earlier or elsewhere.
    """

    policy: Policy
    now: int
    response: bytes | None = None
    bundle: bytes | None = None
    text: str | None = None
    request: bytes | None = None
    method: str | None = None
    path: str | None = None
    against: str | None = None


def verify(given: Given) -> Report:
    """Verify what was given.

    Raises:
        Unreadable: The response is none, or the bundle is no JSON object.
    """
    return _Verification(given).run()


class _Verification:
    """One run: what was found so far, and the checks in the order of the format."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.report = Report()
        self.saved: Saved | None = None if given.response is None else parse_saved(given.response)
        self.content = b"" if self.saved is None else self.saved.body
        self.closing: Closing | None = None
        self.receipt: Receipt | None = None
        self.leaf: Closed | None = None
        self.unread: str | None = None  # why the receipt's leaf could not be read
        self.fields: Fields = {} if self.saved is None else self.saved.fields

    def run(self) -> Report:
        self._read()
        self._record_id()
        signed_at = self._signature()
        self._digest()
        self._leaf()
        if self.receipt is not None:
            check_standing(self.report, self.receipt, self.leaf, self.given.policy, self.given.against)
        content = self._content()
        check_blinding(self.report, self.receipt, self.leaf)
        self._agreement()
        check_contents(self.report, self.receipt, self.leaf, content, self.given)
        self._created(signed_at)
        return self.report

    def _read(self) -> None:
        """Take apart what was given; what can't be is a failed check of its own."""
        report, given = self.report, self.given
        if self.saved is not None and self.saved.streamed:
            try:
                self.content, self.closing = split(self.saved.body)
            except Malformed as exc:
                report.add("closing comment", "fail", str(exc))
        bundle = None if given.bundle is None else self._parsed(given.bundle)
        line = None if self.closing is None else self.closing.lines.get("receipt")
        inline = None if line is None else self._parsed(line)
        self.receipt = bundle or inline
        if bundle is not None and inline is not None:
            report.hold("same receipt", "the bundle is of the receipt in the stream", lambda: _differ(bundle, inline))
        if self.receipt is not None and self.receipt.leaf is not None:
            try:
                leaf = read(self.receipt.leaf).leaf
            except Malformed as exc:
                self.unread = str(exc)  # said when it is the leaf's turn
                return
            self.leaf = leaf if isinstance(leaf, Closed) else None

    def _parsed(self, text: bytes | str) -> Receipt | None:
        try:
            return parse_bundle(text) if isinstance(text, bytes) else parse_receipt(text)
        except Unreadable:
            raise
        except Malformed as exc:
            self.report.add("receipt", "fail", str(exc))
            return None

    def _record_id(self) -> None:
        found = {
            "the response": self.fields.get("tracegate-record"),
            "the bundle": None if self.receipt is None else self.receipt.record_id,
            "the leaf": None if self.leaf is None else self.leaf.record_id,
        }
        said = {name: value for name, value in found.items() if value is not None}
        if self.saved is not None and self.saved.status is not None and "the response" not in said:
            self.report.add("record id", "missing", "the response has no `Tracegate-Record`")
        if len(set(said.values())) > 1:
            self.report.add("record id", "fail", "; ".join(f"{name} says `{value}`" for name, value in said.items()))
        elif said:
            (value,) = set(said.values())
            self.report.facts["record_id"] = value
            self.report.add("record id", "pass", value)

    def _signature(self) -> int | None:
        """Check the response's signature; returns when it was made."""
        saved, report = self.saved, self.report
        if saved is None or saved.status is None:
            return None
        if "signature" not in self.fields and "signature-input" not in self.fields:
            report.add("signature", "missing", "the response is not signed")
            return None
        try:
            key = self.given.policy.key(keyid_of(self.fields))
            signed = verify_response(saved.status, self.fields, self._request(), key)
        except Malformed as exc:
            report.add("signature", "fail", str(exc))
            return None
        # A stream may begin in one epoch's log and end in the next one's; a whole answer promises a leaf in this one.
        if self.receipt is not None and self.receipt.keyid != key.keyid and signed.tag == PROVENANCE:
            report.add("signature", "fail", f"made with {key.keyid}; the receipt with {self.receipt.keyid}")
            return None
        self.fields = signed.fields
        report.add("signature", "pass", f"{signed.tag}, {key.keyid}")
        return signed.created

    def _request(self) -> Request:
        given, req = self.given, self.leaf and self.leaf.req
        return Request(
            given.method or (req.method if req else "POST"),
            given.path or (req.path if req else "/v1/chat/completions"),
            None if given.request is None else content_digest(given.request),
        )

    def _digest(self) -> None:
        saved = self.saved
        if saved is None or saved.streamed:
            return
        said = self.fields.get("content-digest")
        if said is None:
            self.report.add("content digest", "missing", "the response has no `Content-Digest`")
            return
        self.report.hold("content digest", "the body is the signed one", lambda: _digest_fault(said, saved.body))

    def _leaf(self) -> None:
        receipt, report = self.receipt, self.report
        if receipt is None:
            report.add("receipt", "missing", "there is no receipt; fetch the record's bundle")
            return
        report.facts.update(log=receipt.log, index=receipt.index)
        if receipt.leaf is None:
            report.add("leaf", "missing", "the receipt has the leaf's hash only; fetch the record's bundle")
            return
        report.hold("leaf", "canonical, and of the log", lambda: self._leaf_fault(receipt))

    def _leaf_fault(self, receipt: Receipt) -> str | None:
        leaf = self.leaf
        if leaf is None:
            return self.unread or "it closes no record"
        return None if leaf.log == receipt.log else f"it is of `{leaf.log}`; the receipt is of `{receipt.log}`"

    def _content(self) -> bytes | None:
        """The bytes that the leaf speaks of; `None` where there are none, or not all."""
        saved, report, closing = self.saved, self.report, self.closing
        if saved is None:
            return None
        if not saved.streamed:
            return saved.body
        if closing is None:
            report.add("content", "missing", "the capture ends before the closing comment")
            return None
        outcome = closing.lines["outcome"].partition(";")[0]
        if outcome == "ok" and len(closing.rest) < len(DONE) and DONE.startswith(closing.rest):
            report.add("end of stream", "missing", "the capture ends before `[DONE]`")
        elif closing.rest != (DONE if outcome == "ok" else b""):
            report.add("end of stream", "fail", "something else stands behind the closing comment")
        return self.content

    def _agreement(self) -> None:
        """What the client was told is what the leaf says."""
        leaf, saved = self.leaf, self.saved
        if saved is None or not isinstance(leaf, Final):
            return
        if (status := saved.status) is not None:
            whole = not saved.streamed
            self.report.hold(
                "headers", "as in the leaf", lambda: _joined(head_faults(leaf, status, self.fields, whole=whole))
            )
        if (closing := self.closing) is not None:
            self.report.hold("closing comment", "as in the leaf", lambda: _joined(closing_faults(leaf, closing.lines)))

    def _created(self, signed_at: int | None) -> None:
        leaf, receipt, now = self.leaf, self.receipt, self.given.now
        for what, seconds in (("signature", signed_at), ("receipt", None if receipt is None else receipt.created)):
            if seconds is not None and seconds > now + AHEAD:
                self.report.add("time", "fail", f"the {what} is {seconds - now} s ahead of this clock")
        if signed_at is None or not isinstance(leaf, Final):
            return
        if leaf.t_start - BEFORE <= signed_at * 1_000_000 <= leaf.t_end + AFTER:
            self.report.add("time", "pass", "signed while the request ran")
        else:
            self.report.add("time", "fail", f"signed at {signed_at}, not while the request ran")


def _joined(faults: Iterable[str]) -> str | None:
    return "; ".join(faults) or None


def _differ(bundle: Receipt, inline: Receipt) -> str | None:
    one = (bundle.log, bundle.index, bundle.hash, bundle.created, bundle.keyid)
    other = (inline.log, inline.index, inline.hash, inline.created, inline.keyid)
    same = one == other and (bundle.sig is None or bundle.sig == inline.sig) and _same_blinding(bundle, inline.r)
    return None if same else "the bundle is of another receipt than the one in the stream"


def _same_blinding(bundle: Receipt, r: bytes | None) -> bool:
    """Whether what a bundle has of the blinding is of the whole one in the stream; it may have none any more."""
    if r is None:
        return True
    if bundle.r is not None:
        return bundle.r == r
    return all(blind(r, name) == value for name, value in (bundle.blinds or {}).items())


def _digest_fault(said: str, body: bytes) -> str | None:
    stated = parse_dictionary(said).get("sha-256")
    if stated is None:
        return "`Content-Digest` has no SHA-256"
    same = stated.value == hashlib.sha256(body).digest()
    return None if same else "the body is another than the one whose digest was sent"
