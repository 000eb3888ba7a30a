"""Who calls: the client's key to a caller, by one digest and one dictionary look-up (ruling 62).

No key is compared with another: how long a look-up takes tells nothing about any of them, nor about their number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest

from tracegate.errors import Rejected
from tracegate.inbound import TrustMode
from tracegate.server.client import Client


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that may call.

    Args:
        key: Id of its key.
        tenant: Whom the key belongs to.
        trust: How its trace context is treated.
        routes: Names and `provider/*`; a name must be in every one of these sets. None: everything is allowed.
        expires: UTC nanoseconds.
    """

    key: str
    tenant: str
    trust: TrustMode
    routes: tuple[frozenset[str], ...] = ()
    expires: int | None = None

    def may(self, name: str) -> bool:
        """Whether this caller may select a route, a target, or `provider/model`."""
        for allowed in self.routes:
            if name not in allowed:
                provider, slash, _ = name.partition("/")
                if not slash or f"{provider}/*" not in allowed:
                    return False
        return True


class Keyring:
    """The keys that are known, by their SHA-256.

    A connection keeps the one that came over it last. That is compared with what comes over the same connection only,
    and in a time that tells nothing.

    Args:
        callers: By digest; `None` where no keys are configured and everybody is `anyone`.
        anyone: The caller of an open gateway (ruling 24).
    """

    __slots__ = ("_anyone", "_callers")

    def __init__(self, callers: Mapping[bytes, Caller] | None, anyone: Caller) -> None:
        self._callers = callers
        self._anyone = anyone

    def caller(self, headers: Mapping[bytes, bytes], wall: int, client: Client | None = None) -> Caller:
        """The caller that the request's credentials name.

        Args:
            headers: The client's, names in lower case.
            wall: UTC nanoseconds.
            client: Where our own server serves it: its next key need not be digested.

        Raises:
            Rejected: 401 `invalid_api_key` for no key, an unknown one, or one that is expired or disabled; the answer
                does not tell which of these.
        """
        if self._callers is None:
            return self._anyone
        key = _credential(headers)
        known = None if client is None else client.called
        if known is not None and compare_digest(known[0], key):
            caller: Caller | None = known[1]
        else:
            caller = self._callers.get(hashlib.sha256(key).digest()) if key else None
            if caller is not None and client is not None:
                client.called = key, caller
        if caller is None or (caller.expires is not None and caller.expires <= wall):
            said = "The API key is not valid here." if key else "No API key was sent."
            raise Rejected(
                401,
                "invalid_api_key",
                f"{said} Send one as `Authorization: Bearer …`, `api-key` or `x-api-key`.",
                reason="auth",
                headers=(("www-authenticate", "Bearer"),),
            )
        return caller


def _credential(headers: Mapping[bytes, bytes]) -> bytes:
    """The key as the client sent it, or empty."""
    authorization = headers.get(b"authorization", b"")
    bearer = authorization[7:].strip() if authorization[:7].lower() == b"bearer " else b""
    return bearer or headers.get(b"api-key", b"") or headers.get(b"x-api-key", b"")
