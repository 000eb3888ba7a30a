"""`GET /v1/models` and `GET /v1/models/{id}`: what the caller may send as `model`. No provider is asked."""

from __future__ import annotations

import msgspec

from tracegate.server.endpoint import Session

_encode = msgspec.json.Encoder().encode


async def models(session: Session) -> None:
    """The list of what has a name here."""
    names = session.gateway.routes.names(session.may)
    await _json(session, {"object": "list", "data": [_entry(name) for name in names]})


async def model(session: Session) -> None:
    """One entry, for any text that selects something; ids may contain slashes (ruling 64)."""
    name = session.scope["path_params"]["id"]
    routes = session.gateway.routes
    if name not in routes.names(session.may):
        routes.select(name, session.may)  # raises 404 with the nearest names
    await _json(session, _entry(name))


def _entry(name: str) -> dict[str, object]:
    # `created` is required by the clients' models; the gateway has no such date, and 0 reads as none.
    return {"id": name, "object": "model", "created": 0, "owned_by": "tracegate"}


async def _json(session: Session, value: object) -> None:
    await session.whole(b"application/json", _encode(value), [])
