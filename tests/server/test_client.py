"""Our own server tells an application more than ASGI does."""

from __future__ import annotations

from tests.server.alone import Alone
from tracegate.server.client import CLIENT, client_of
from tracegate.testing.loop import run


def test_the_client_is_found_where_our_own_server_serves() -> None:
    """Another one may have extensions of its own, or none."""

    async def main() -> None:
        connection = Alone().connection
        assert client_of({"type": "http", "extensions": {CLIENT: connection}}) is connection
        assert client_of({"type": "http", "extensions": {"http.response.trailers": {}}}) is None
        assert client_of({"type": "http"}) is None
        connection.connection_lost(None)

    run(main)
