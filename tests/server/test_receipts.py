"""`GET /v1/receipts/{record_id}`, and the public keys of the logs."""

from __future__ import annotations

import errno
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from examples import verify_bundle
from tests.agreement.house import House
from tests.audit.failing import FaultyDisk
from tests.server.opened import CALL, Got, S, config, got, opened
from tracegate.audit.encodings import from_base64url
from tracegate.audit.issuing import WAIT_NS
from tracegate.audit.policy import trusting
from tracegate.audit.verify import Given, verify
from tracegate.testing.loop import run

ACME, OTHER, AUDITOR = ("tg-key-acme-0123456789", "tg-key-other-0123456789", "tg-key-auditor-0123456789")
KEYED = f"""
keys:
  app: {{tenant: acme, key: "{ACME}"}}
  second: {{tenant: umbrella, key: "{OTHER}"}}
  ada: {{tenant: control, key: "{AUDITOR}"}}
audit: {{auditors: [ada]}}
"""
CONFIG = config("sim-ok", more=KEYED)


def _sent(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def _record(house: House, key: str = ACME, path: str = "/v1/chat/completions") -> str:
    """A request is answered; the id of its record."""
    answer = await got(house.app, "POST", path, _sent(key), CALL)
    record = answer.header("tracegate-record")
    assert record is not None
    return record


async def _asked(house: House, record: str, key: str = ACME) -> Got:
    return await got(house.app, "GET", f"/v1/receipts/{record}", _sent(key))


def _reads(house: House) -> list[dict[str, Any]]:
    assert house.log is not None
    return [leaf for leaf in house.log.leaves() if leaf["type"] == "audit.read"]


def _proved(house: House, answer: Got) -> None:
    assert house.log is not None
    given = Given(trusting([house.log.key]), house.clock.wall() // S, bundle=answer.body)
    assert [check for check in verify(given).checks if check.result != "pass"] == []
    assert verify_bundle.verify(answer.json, house.log.key.vkey, None) is None


def test_a_tenant_gets_the_receipt_of_its_answer() -> None:
    """With the proof, as soon as the checkpoint is there; it stands in no log that it was asked for."""

    async def asked(house: House) -> None:
        record = await _record(house)
        begun = house.clock.now()
        answer = await _asked(house, record)
        assert house.clock.now() - begun < S
        assert (answer.status, answer.json["record_id"]) == (200, record)
        assert answer.header("content-type") == "application/json"
        for name in ("tracegate-record", "signature", "content-digest", "retry-after"):
            assert answer.header(name) is None
        _proved(house, answer)
        assert _reads(house) == []

    opened(CONFIG, asked)


def test_a_bundle_is_small() -> None:
    """At most 6,144 bytes with three attempts, in a log of a million leaves."""
    text = config("sim-503", "sim-503", "sim-ok", more=KEYED)

    async def asked(house: House) -> None:
        answer = await _asked(house, await _record(house))
        leaf = json.loads(from_base64url(answer.json["leaf"]))
        assert len(leaf["attempts"]) == 3
        assert len(answer.body) + 20 * 46 <= 6144  # a path of 20 hashes, each with a line end that JSON escapes

    opened(text, asked)


def test_another_tenant_is_told_nothing() -> None:
    """As of a record that there is not, and of what is no record."""

    async def asked(house: House) -> None:
        record = await _record(house)
        unknown = record[:-1] + ("0" if record[-1] != "0" else "1")
        for key, id in ((OTHER, record), (ACME, unknown), (ACME, "tg-1"), (AUDITOR, unknown)):
            answer = await _asked(house, id, key)
            assert (answer.status, answer.error["code"]) == (404, "record_not_found")
            assert f"`{id}`" in answer.error["message"]
        assert (await got(house.app, "GET", f"/v1/receipts/{record}")).status == 401
        assert (await got(house.app, "POST", f"/v1/receipts/{record}", _sent(ACME))).status == 405
        assert _reads(house) == []

    opened(CONFIG, asked)


def test_what_an_auditor_reads_is_a_leaf_before_it_is_told() -> None:
    """But not what is of its own tenant."""

    async def asked(house: House) -> None:
        record = await _record(house)
        answer = await _asked(house, record, AUDITOR)
        assert answer.status == 200
        _proved(house, answer)
        (read,) = _reads(house)
        assert (read["by"], read["what"], read["record_ids"], read["count"]) == ("ada", "receipt", [record], 1)
        assert (await _asked(house, await _record(house, AUDITOR), AUDITOR)).status == 200
        assert len(_reads(house)) == 1

    opened(CONFIG, asked)


def test_while_the_request_runs_the_record_is_open() -> None:
    """Its intent is there; whoever asks comes again."""

    async def asked(house: House) -> None:
        async with house.post(headers=_sent(ACME), stream=True, window=100) as exchange:
            await exchange.head()
            record = dict(exchange.headers)["tracegate-record"]
            answer = await _asked(house, record)
            assert (answer.status, answer.json) == (202, {"record_id": record, "state": "open"})
            assert answer.header("retry-after") == "1"
            await exchange.read()
        assert (await _asked(house, record)).status == 200

    opened(CONFIG, asked)


def _failing(script: Callable[[House, FaultyDisk], Awaitable[None]]) -> None:
    """Play a scene on a disk that can be told to fail; afterwards it works again."""

    async def main() -> None:
        disk = FaultyDisk()
        house = House(CONFIG, log={"disk": disk})
        await script(house, disk)
        disk.broken.clear()
        await house.clock.sleep_until(house.clock.now() + 2 * S)
        await house.close()

    run(main)


def test_without_a_checkpoint_the_signature_vouches() -> None:
    """After two seconds, for a leaf that is durable; the client comes again."""

    async def asked(house: House, disk: FaultyDisk) -> None:
        disk.broken["rename"] = errno.EIO
        record = await _record(house)
        begun = house.clock.now()
        answer = await _asked(house, record)
        assert (answer.status, answer.header("retry-after")) == (200, "1")
        assert house.clock.now() - begun == WAIT_NS
        assert "tlog_proof" not in answer.json
        disk.broken.clear()
        answer = await _asked(house, record)
        assert (answer.status, answer.header("retry-after")) == (200, None)
        _proved(house, answer)

    _failing(asked)


def test_what_can_not_be_taken_down_is_not_told_to_an_auditor() -> None:
    """He is told why, and comes again."""

    async def asked(house: House, disk: FaultyDisk) -> None:
        record = await _record(house)
        await _asked(house, record)
        disk.broken["write"] = errno.ENOSPC
        answer = await _asked(house, record, AUDITOR)
        assert (answer.status, answer.error["code"]) == (503, "audit_unavailable")
        assert answer.header("retry-after") == "1"
        assert (await _asked(house, record)).status == 200
        disk.broken.clear()
        await house.clock.sleep_until(house.clock.now() + S)
        assert (await _asked(house, record, AUDITOR)).status == 200
        assert len(_reads(house)) == 1

    _failing(asked)


def test_what_was_erased_is_not_in_it_any_more() -> None:
    """But the leaf that says so; the place is still proved."""

    async def asked(house: House) -> None:
        record = await _record(house)
        assert house.log is not None
        (told,) = await house.log.audit.erase([record], "ada", "asked")
        answer = await _asked(house, record)
        assert (answer.status, answer.json["erased"], "r" in answer.json) == (200, told.index, False)
        assert "tlog_proof" in answer.json
        missing = verify_bundle.verify(answer.json, house.log.key.vkey, None)
        assert missing == "the blinding: the record was erased"

    opened(CONFIG, asked)


@pytest.mark.parametrize("path", ["/v1/audit/keys", "/.well-known/tracegate-keys"])
def test_the_keys_are_there_for_everybody(path: str) -> None:
    """Those of all logs, without a key of the gateway's."""

    async def asked(house: House) -> None:
        assert house.log is not None
        answer = await got(house.app, "GET", path)
        assert (answer.status, answer.header("content-type")) == (200, "application/json")
        (key,) = answer.json["keys"]
        assert (answer.json["v"], key["vkey"], key["log"]) == (1, house.log.key.vkey, house.log.key.name)
        assert (key["state"], key["since"]) == ("active", house.clock.wall() // S)
        assert (await got(house.app, "POST", path)).status == 405

    opened(CONFIG, asked)


def test_without_a_log_there_is_nothing_to_ask() -> None:
    """The paths are none of ours then."""

    async def asked(house: House) -> None:
        for path in ("/v1/receipts/tg-1", "/v1/audit/keys", "/.well-known/tracegate-keys"):
            answer = await got(house.app, "GET", path)
            assert (answer.status, answer.error["code"]) == (404, "unknown_url")

    opened(config("sim-ok", more="audit: {mode: off}"), asked)
