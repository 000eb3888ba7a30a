"""The signature of a response: RFC 9421 over its head, which holds the digest of its body (RFC 9530).

Two tags: `tracegate-provenance` is for a whole answer and promises a leaf; `tracegate-route` is for the head of a
stream, whose body it does not cover, so one can never pass for the other. What is covered is not chosen by the signer:
it follows from the head, and a verifier computes it anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from tracegate.audit.encodings import base64_of, encoded
from tracegate.audit.keys import SIGNATURE, Key, Signer
from tracegate.audit.structured import Member, parse_dictionary, parse_list
from tracegate.errors import Malformed

OWN = "tracegate"
"""The name of our members in `X-Served-By` and `Cache-Status`."""

LABEL = "tg"
PROVENANCE = "tracegate-provenance"
ROUTE = "tracegate-route"
STREAM = "text/event-stream"

COVERED = (
    "content-encoding",
    "content-digest",
    "x-served-by",
    "tracegate-attempts",
    "tracegate-record",
    "tracegate-cost",
    "cache-status",
)
"""Fields that are covered where they are present, in this order, after status and content type."""

_QUOTED = [(name, f'"{name}"') for name in COVERED]
_SENT = [name.encode() for name in COVERED]
_VALUE = f"{LABEL}=:%b:".encode()

LISTS = ("x-served-by", "cache-status")
"""Lists to which others add members on the way; they are cut after one of ours."""

FORMS = 64
"""Forms of a signature's text that a signer keeps; when they are full they are forgotten and begin anew."""

CUTS = 16  # most members of ours in a list after which a cut is tried

Fields = Mapping[str, str]
"""A head: lower-case names, lines of one name joined by `, `."""


class Request(NamedTuple):
    """What a response's signature says of the request: its method and path, and its digest if the client sent one."""

    method: str
    path: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that verified, and the head as it was signed."""

    fields: Fields
    created: int
    tag: str


class _Form(NamedTuple):
    """What is signed of heads that have the same fields, with room for what is each one's own; and the parameters."""

    base: bytes
    params: bytes


class ResponseSigner:
    """Signs the heads of responses.

    Its text is that of `_base`, from which a verifier makes it, but each kind of head is put together once.

    Args:
        signer: Of the log.
        path: Whether the request's path is covered; not, behind a proxy that rewrites it.
    """

    __slots__ = ("_forms", "_keyid", "_path", "_signer")

    def __init__(self, signer: Signer, *, path: bool = True) -> None:
        self._signer = signer
        self._path = path
        self._keyid = signer.key.keyid
        self._forms: dict[tuple[bytes, bool, tuple[bytes, ...]], _Form] = {}

    def sign(
        self, status: int, head: Iterable[tuple[bytes, bytes]], request: Request, created: int
    ) -> tuple[bytes, bytes]:
        """The values of `Signature-Input` and `Signature`.

        Args:
            status: Of the response.
            head: Its fields as they will be sent, names in lower case, `content-digest` included unless it is a stream.
            request: What is signed of the request.
            created: Seconds since 1970 UTC.
        """
        fields, digest = dict(head), request.digest
        media = fields.get(b"content-type", b"")
        names = tuple([name for name in _SENT if name in fields])
        key = media, digest is None, names
        form = self._forms.get(key) or self._form(*key)
        own: list[int | bytes] = [status, media]
        own += [fields[name] for name in names]
        if digest is not None:
            own.append(digest.encode("latin-1", "replace"))
        own.append(request.method.encode("latin-1", "replace"))
        if self._path:
            own.append(request.path.encode("latin-1", "replace"))
        own.append(created)
        signature = self._signer.sign(form.base % tuple(own))
        return form.params % created, _VALUE % encoded(signature)

    def _form(self, media: bytes, plain: bool, names: Sequence[bytes]) -> _Form:
        """How heads with these fields are written."""
        tag = ROUTE if is_stream(media.decode("latin-1")) else PROVENANCE
        fields = dict.fromkeys(["content-type", *[name.decode() for name in names]], "%b")
        lines = _lines("%d", fields, Request("%b", "%b", None if plain else "%b"), path=self._path)
        params = _params([name for name, _ in lines], "%d", self._keyid.replace("%", "%%"), tag)
        if len(self._forms) >= FORMS:
            self._forms.clear()
        form = self._forms[media, plain, tuple(names)] = _Form(_base(lines, params), f"{LABEL}={params}".encode())
        return form


def content_digest(body: bytes) -> str:
    """The `Content-Digest` of the bytes of a body, after content coding."""
    return f"sha-256=:{base64_of(hashlib.sha256(body).digest())}:"


def is_stream(content_type: str) -> bool:
    """Whether an answer is a stream of server-sent events."""
    return content_type.partition(";")[0].strip().lower() == STREAM


def keyid_of(fields: Fields) -> str | None:
    """The key that a response says it is signed with; `None` where none of ours names one.

    Raises:
        Malformed: The fields that should say it can't be read.
    """
    stated, _ = _stated(fields)
    keyid = None if stated is None else stated.parameters.get("keyid")
    return keyid if isinstance(keyid, str) else None


def verify_response(status: int, fields: Fields, request: Request, key: Key) -> Signed:
    """Verify the signature of a response, with lists cut after members of ours where others added their own.

    Raises:
        Malformed: It is missing, covers less or other than it must, or is false; the text says which.
    """
    stated, signature = _stated(fields)
    if stated is None or signature is None:
        raise Malformed("there is no signature of ours")
    created, tag = stated.parameters.get("created"), stated.parameters.get("tag")
    if type(created) is not int or not isinstance(tag, str):
        raise Malformed("it says neither when it was made nor what for")
    expected = ROUTE if is_stream(fields.get("content-type", "")) else PROVENANCE
    if tag != expected:
        raise Malformed(f"it is made for `{tag}`; this content type needs `{expected}`")
    names = [part.text for part in stated.value] if isinstance(stated.value, tuple) else []
    for cut in _cuts(fields):
        digest = request.digest if '"content-digest";req' in names else None
        asked = Request(request.method, request.path, digest)
        lines = _lines(str(status), cut, asked, path='"@path";req' in names)
        params = _params([name for name, _ in lines], str(created), key.keyid, tag)
        if params != stated.text:
            _explain(names, [name for name, _ in lines])
            raise Malformed("its parameters are not those of our signatures")
        if key.verifies(signature, _base(lines, params)):
            return Signed(cut, created, tag)
    raise Malformed("it is false: the head, the request or the key is another")


def _stated(fields: Fields) -> tuple[Member | None, bytes | None]:
    inputs, signatures = fields.get("signature-input"), fields.get("signature")
    stated = parse_dictionary(inputs).get(LABEL) if inputs else None
    signature = parse_dictionary(signatures).get(LABEL) if signatures else None
    if signature is None:
        return stated, None
    if not isinstance(signature.value, bytes) or len(signature.value) != SIGNATURE:
        raise Malformed("`Signature` is not that of an Ed25519 key")
    return stated, signature.value


def _lines(status: str, fields: Fields, request: Request, *, path: bool) -> list[tuple[str, str]]:
    lines = [('"@status"', status), ('"content-type"', fields.get("content-type", ""))]
    lines += [(quoted, fields[name]) for name, quoted in _QUOTED if name in fields]
    if request.digest is not None:
        lines.append(('"content-digest";req', request.digest))
    lines.append(('"@method";req', request.method))
    if path:
        lines.append(('"@path";req', request.path))
    return lines


def _params(names: Sequence[str], created: str, keyid: str, tag: str) -> str:
    return f'({" ".join(names)});created={created};keyid="{keyid}";alg="ed25519";tag="{tag}"'


def _base(lines: Sequence[tuple[str, str]], params: str) -> bytes:
    text = "".join([f"{name}: {value}\n" for name, value in lines])
    return f'{text}"@signature-params": {params}'.encode("latin-1", "replace")


def _explain(stated: Sequence[str], expected: Sequence[str]) -> None:
    """Say which component is not covered, or covered and not there."""
    for name in expected:
        if name not in stated:
            raise Malformed(f"it does not cover {name}")
    for name in stated:
        if name not in expected:
            raise Malformed(f"it covers {name}, which is not there")


def _cuts(fields: Fields) -> Iterator[Fields]:
    """The head as it came, then with lists cut after a member of ours, the last first."""
    ways = [[(name, value) for value in _ends(fields[name])] for name in LISTS if name in fields]
    for chosen in product(*ways):
        yield {**fields, **dict(chosen)}


def _ends(value: str) -> Iterator[str]:
    yield value
    try:
        members = parse_list(value)
    except Malformed:
        return
    ends, at = [], 0
    for member in members:
        at += len(member.text)
        if str(member.value) == OWN:
            ends.append(value[:at])
        at += 2
    for end in ends[-CUTS:][::-1]:
        if end != value:
            yield end
