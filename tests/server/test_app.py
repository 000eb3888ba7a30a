"""Which path is answered by whom, and browsers."""

from __future__ import annotations

import pytest
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Router

from tests.agreement.house import PATH, House
from tests.server.opened import CALL, KEY, KEYS, config, got, opened
from tracegate.server.app import EXPOSED

ORIGIN = "https://shop.test"
CORS = f"headers: {{cors: [{ORIGIN}]}}\n"
PREFLIGHT = {
    "origin": ORIGIN,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, content-type, x-stainless-lang",
}


def test_a_preflight_needs_no_key() -> None:
    """A browser sends none with it (ruling 66)."""

    async def asked(house: House) -> None:
        answer = await got(house.app, "OPTIONS", PATH, PREFLIGHT)
        assert (200, ORIGIN) == (answer.status, answer.header("access-control-allow-origin"))
        assert "POST" in (answer.header("access-control-allow-methods") or "")
        assert "authorization" in (answer.header("access-control-allow-headers") or "")

    opened(config("sim-ok", more=KEYS + CORS), asked)


def test_another_origin_is_allowed_nothing() -> None:
    """Neither in the preflight nor in an answer."""

    async def asked(house: House) -> None:
        answer = await got(house.app, "OPTIONS", PATH, {**PREFLIGHT, "origin": "https://evil.test"})
        assert (400, None) == (answer.status, answer.header("access-control-allow-origin"))
        answer = await got(house.app, headers={"origin": "https://evil.test"}, body=CALL)
        assert (200, None) == (answer.status, answer.header("access-control-allow-origin"))

    opened(config("sim-ok", more=CORS), asked)


@pytest.mark.parametrize(("sent", "status"), [({"api-key": KEY}, 200), ({}, 401)])
def test_scripts_of_an_allowed_origin_can_read_our_fields(sent: dict[str, str], status: int) -> None:
    """Of answers and of errors; every field that this gateway sends is among them."""

    async def asked(house: House) -> None:
        answer = await got(house.app, headers={"origin": ORIGIN, **sent}, body=CALL)
        assert (status, ORIGIN) == (answer.status, answer.header("access-control-allow-origin"))
        exposed = (answer.header("access-control-expose-headers") or "").lower().split(", ")
        assert exposed == [name.lower() for name in EXPOSED]
        safe = {"content-type", "content-length", "cache-control", "vary", "www-authenticate"}
        ours = {name for name, _ in answer.headers if not name.startswith("access-control-")}
        assert ours - safe <= set(exposed)

    opened(config("sim-ok", more=KEYS + CORS), asked)


def test_without_origins_browsers_get_nothing() -> None:
    """The default; and no middleware stands in the way."""

    async def asked(house: House) -> None:
        assert not isinstance(house.app, CORSMiddleware)
        answer = await got(house.app, headers={"origin": ORIGIN}, body=CALL)
        assert answer.header("access-control-allow-origin") is None
        assert (await got(house.app, "OPTIONS", PATH, PREFLIGHT)).status == 405

    opened(config("sim-ok"), asked)


@pytest.mark.parametrize(
    ("below", "path", "status"),
    [("/llm", f"/llm{PATH}", 200), ("/llm", "/llm/v1/models", 200), ("/v1", PATH, 404), ("/v1", f"/v1{PATH}", 200)],
)
def test_mounted_below_a_path_it_answers_what_is_behind_that(below: str, path: str, status: int) -> None:
    """As any ASGI application, also where its own path would fit by chance."""

    async def asked(house: House) -> None:
        host = Router([Mount(below, house.app)])
        answer = await got(host, "GET" if path.endswith("models") else "POST", path, body=CALL)
        assert status == answer.status

    opened(config("sim-ok"), asked)
