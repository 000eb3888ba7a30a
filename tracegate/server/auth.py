"""Who calls: the client's key to a caller, by one digest and one dictionary look-up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracegate.errors import Rejected
from tracegate.inbound import TrustMode


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that may call.

    `routes` are names, `provider/*` or `*`: a name must be allowed by every one of these lists. `expires` is UTC
    nanoseconds.
    """

    key: str
    tenant: str
    trust: TrustMode
    routes: tuple[tuple[str, ...], ...] = ()
    expires: int | None = None

    def may(self, name: str) -> bool:
        """Whether this caller may select a route, a target, or `provider/model`."""
        return all(_allows(allowed, name) for allowed in self.routes)


def _allows(allowed: Iterable[str], name: str) -> bool:
    return any(
        pattern in ("*", name) or (pattern.endswith("/*") and name.startswith(pattern[:-1])) for pattern in allowed
    )


class Keyring:
    """The keys that are known, by their SHA-256.

    Args:
        callers: By digest; `None` where no keys are configured and everybody is `anyone`.
        anyone: The caller of an open gateway (ruling 24).
    """

    __slots__ = ("_anyone", "_callers")

    def __init__(self, callers: Mapping[bytes, Caller] | None, anyone: Caller) -> None:
        self._callers = callers
        self._anyone = anyone

    def caller(self, headers: Mapping[bytes, bytes], wall: int) -> Caller:
        """The caller that the request's credentials name.

        Raises:
            Rejected: 401 `invalid_api_key` for no key, an unknown one, or one that is expired or disabled; the answer
                does not tell which.
        """
        if self._callers is None:
            return self._anyone
        key = _credential(headers)
        caller = self._callers.get(hashlib.sha256(key).digest()) if key else None
        if caller is None or (caller.expires is not None and caller.expires <= wall):
            said = "The API key is not valid here." if key else "No API key was sent."
            raise Rejected(
                401,
                "invalid_api_key",
                f"{said} Send one as `Authorization: Bearer …`, `api-key` or `x-api-key`.",
                reason="auth",
            )
        return caller


def _credential(headers: Mapping[bytes, bytes]) -> bytes:
    """The key as the client sent it (ruling 62), or empty."""
    authorization = headers.get(b"authorization", b"")
    if authorization[:7].lower() == b"bearer ":
        return authorization[7:].strip()
    return headers.get(b"api-key", b"") or headers.get(b"x-api-key", b"")
