"""`GET /v1/models` and `GET /v1/models/{id}`: what the caller may send as `model`. No provider is asked."""

from __future__ import annotations

import msgspec

from tracegate.errors import Rejected
from tracegate.server.endpoint import Session

_encode = msgspec.json.Encoder().encode


async def models(session: Session) -> None:
    """The list."""
    names = session.gateway.routes.names(session.caller.may)
    await _json(session, {"object": "list", "data": [_entry(name) for name in names]})


async def model(session: Session) -> None:
    """One entry; ids may contain slashes (ruling 64)."""
    name = session.path_params["id"]
    if name not in session.gateway.routes.names(session.caller.may):
        session.gateway.routes.select(name, session.caller.may)  # raises 404 with the nearest names
        raise Rejected(404, "model_not_found", f"The model `{name}` is not listed.", reason="not_found", param="model")
    await _json(session, _entry(name))


def _entry(name: str) -> dict[str, object]:
    # `created` is required by the clients' models; the gateway has no such date, and 0 reads as none.
    return {"id": name, "object": "model", "created": 0, "owned_by": "tracegate"}


async def _json(session: Session, value: object) -> None:
    data = _encode(value)
    gateway = session.gateway
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(data)),
        *gateway.headers.success(session.recorder, gateway.clock.now()),
    ]
    await session.start(200, headers)
    await session.send(data, more=False)
