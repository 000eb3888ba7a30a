"""`GET /v1/models` and `GET /v1/models/{id}`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agreement.house import House
from tests.server.opened import KEY, config, got, opened

CONFIG = config("sim-ok", "sim-503", more=f'keys: {{app: {{key: "{KEY}", routes: [chat, t1]}}}}\n')
OPEN = config("sim-ok").replace("routes:\n", 'direct: true\nroutes:\n  "*": chat\n')
SENT = {"authorization": f"Bearer {KEY}"}


def ids(listed: Any) -> list[str]:
    """The names of a list, each a whole entry."""
    assert listed["object"] == "list"
    assert all(entry == {**entry, "object": "model", "created": 0, "owned_by": "tracegate"} for entry in listed["data"])
    return [entry["id"] for entry in listed["data"]]


def test_the_list_has_what_the_key_may_use() -> None:
    """Routes and targets; no provider is asked, and no record left."""

    async def asked(house: House) -> None:
        answer = await got(house.app, "GET", "/v1/models", SENT)
        assert (200, ["chat", "t1"]) == (answer.status, ids(answer.json))
        assert answer.header("content-type") == "application/json"
        assert answer.header("tracegate-record") is None
        assert answer.header("x-request-id") is not None

    assert len(opened(CONFIG, asked).exchange.log) == 0


def test_the_list_needs_a_key() -> None:
    """As everything below `/v1`."""

    async def asked(house: House) -> None:
        assert (await got(house.app, "GET", "/v1/models")).status == 401
        assert (await got(house.app, "GET", "/v1/models/chat")).status == 401

    opened(CONFIG, asked)


def test_without_routes_providers_are_listed() -> None:
    """A catch-all has no name."""

    async def asked(house: House) -> None:
        assert ids((await got(house.app, "GET", "/v1/models")).json) == ["chat", "t0", "p0/*"]

    opened(OPEN, asked)


@pytest.mark.parametrize("name", ["chat", "p0/*", "p0/org/model", "p0%2Forg%2Fmodel", "whatever"])
def test_one_entry_of_what_can_be_selected(name: str) -> None:
    """Ids may contain slashes (ruling 64)."""

    async def asked(house: House) -> None:
        answer = await got(house.app, "GET", f"/v1/models/{name}")
        assert (200, name.replace("%2F", "/")) == (answer.status, answer.json["id"])

    opened(OPEN, asked)


@pytest.mark.parametrize("name", ["t0", "chatt", "p0/x"])
def test_what_the_key_may_not_use_does_not_exist(name: str) -> None:
    """With the nearest names that it may use, and no others."""

    async def asked(house: House) -> None:
        answer = await got(house.app, "GET", f"/v1/models/{name}", SENT)
        assert (404, "model_not_found") == (answer.status, answer.error["code"])
        assert "`t0`?" not in answer.error["message"]
        assert answer.header("tracegate-record") is None

    opened(CONFIG, asked)


@pytest.mark.parametrize(("path", "method"), [("/v1/models", "POST"), ("/v1/models/chat", "DELETE")])
def test_models_are_read_only(path: str, method: str) -> None:
    """405 names what is allowed."""

    async def asked(house: House) -> None:
        answer = await got(house.app, method, path)
        assert (405, "GET, HEAD") == (answer.status, answer.header("allow"))
        assert (await got(house.app, "HEAD", path)).status == 200

    opened(OPEN, asked)
