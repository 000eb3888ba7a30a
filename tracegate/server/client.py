"""What our own server knows of a client beyond ASGI: the connection that a request came over.

Under any other server there is none of it, and whoever asks goes without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tracegate.server.auth import Caller

CLIENT = "tracegate.client"
"""ASGI extension of our own server: `scope["extensions"][CLIENT]` is a `Client`."""


class Client(Protocol):
    """A connection.

    `called` is the key that came over it last, and whose it is. So the key is in memory no longer than the connection,
    whose last request holds it all the same.
    """

    called: tuple[bytes, Caller] | None

    def drop(self) -> None:
        """Drop the connection at once, unsent bytes included; the running request is over."""

    def left(self, call: Callable[[], object], wanted: bool) -> None:
        """Call back once when the client of the running request leaves, at once if it has; or not any more.

        A request that ends late gives up its own call, never that of the next one on the connection.
        """


def client_of(scope: Mapping[str, Any]) -> Client | None:
    """The client of a request, where our own server serves it."""
    extensions = scope.get("extensions")
    return None if extensions is None else extensions.get(CLIENT)
