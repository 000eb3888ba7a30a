"""The section `audit`: where the log is, what it is called, and what is wrong with that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from tests.config.reading import ENV, KNOWN, configured, draft, notes, problems, whats
from tracegate.config.audit import FLOORS, audit
from tracegate.config.load import load
from tracegate.config.model import DEFAULT, Audit, Otlp
from tracegate.config.model_audit import Anchor
from tracegate.config.secret import Secret

HEAD = "providers: {openai: {}}\n"
MINUTE, DAY = 60 * 10**9, 86_400 * 10**9


def section(text: str = "{}") -> Audit:
    """The section of a text."""
    return configured(f"{HEAD}audit: {text}").audit


def test_the_default_is_a_strict_log_beside_the_file() -> None:
    """With every other value of the table."""
    found = configured(HEAD)
    assert Path(found.audit.dir) == Path(found.file or "").parent / "tracegate-audit"
    assert structs.replace(found.audit, dir="", origins={}) == Audit(
        "strict", "", "localhost", "default", "host-1", 50_000_000, 184 * DAY, None, True, None, (), (), {}
    )
    assert set(found.audit.origins.values()) == {DEFAULT}
    assert load(None, ENV, KNOWN).audit.dir == "tracegate-audit"
    assert audit(draft("providers: {}"), "some/t.yaml", ()).dir == "some/tracegate-audit"


def test_the_file_says_it_otherwise() -> None:
    """Every key of the table; a directory is relative to the file."""
    text = (
        "{mode: available, dir: logs, host: gw.example.com, cluster: prod, replica: r1, wait: 20ms, "
        "retention: pci, sign_path: false, ship: 'http://c:4319', auditors: [ann]}\n"
        "keys: {ann: {key: '${KEY}'}}"
    )
    found = configured(f"{HEAD}audit: {text}")
    assert structs.replace(found.audit, dir="", origins={}) == Audit(
        mode="available",
        dir="",
        host="gw.example.com",
        cluster="prod",
        replica="r1",
        wait_ns=20_000_000,
        retention_ns=365 * DAY,
        preset="pci",
        sign_path=False,
        ship=Otlp("http://c:4319/v1/logs"),
        auditors=("ann",),
    )
    assert Path(found.audit.dir) == Path(found.file or "").parent / "logs"
    assert str(found.audit.origins["wait"]).endswith("tracegate.yaml:2:93")
    assert section("{dir: /var/logs}").dir == "/var/logs"
    assert section("{mode: off}").mode == "off"
    assert section("{ship: none}").ship is None


def test_who_is_told_of_heads_is_named() -> None:
    """What its settings mean is the affair of its kind, which another package may bring."""
    found = section("{anchors: {w1: {kind: witness, key: w.example/w+k, url: 'https://w'}, t: {kind: notary, n: 7}}}")
    assert found.anchors == (
        Anchor("w1", "witness", (("key", "w.example/w+k"), ("url", "https://w")), MINUTE),
        Anchor("t", "notary", (("n", "7"),), 60 * MINUTE),
    )
    assert section().anchors == ()


def test_how_often_they_are_told_may_be_said() -> None:
    """What an authority or a store gives stays for years: it is asked less often than a witness."""
    text = "{anchors: {a: {kind: rfc3161}, b: {kind: rfc3161, every: 1d}, w: {kind: witness, every: 5m}}}"
    assert [anchor.every_ns for anchor in section(text).anchors] == [60 * MINUTE, DAY, 5 * MINUTE]


def test_secrets_of_anchors_are_shown_nowhere(tmp_path: Path) -> None:
    """They come from the environment or a file; what else stands in a file may be read from there too."""
    (tmp_path / "root.pem").write_text("-----BEGIN…\n")
    text = (
        f"{HEAD}audit: {{anchors: {{b: {{kind: object-lock, secret_key: '${{KEY}}', token: {{env: KEY}}, "
        f"certificate: {{file: '{tmp_path}/root.pem'}}}}}}}}"
    )
    found = configured(text)
    ((_, key), (_, token), (_, pem)) = found.audit.anchors[0].settings
    assert isinstance(key, Secret)
    assert isinstance(token, Secret)
    assert isinstance(pem, Secret)
    assert (key.value, token.value, pem.value) == (ENV["KEY"], ENV["KEY"], "-----BEGIN…")
    assert ENV["KEY"] not in repr(found)
    assert {secret.value for secret in found.secrets} >= {ENV["KEY"]}
    assert pem.value not in {secret.value for secret in found.secrets}
    assert configured(text, {**ENV, "KEY": "another"}).digest == found.digest


def test_what_is_shipped_goes_as_the_section_says() -> None:
    """With headers and certificates of its own; the environment has no say."""
    text = f"{HEAD}audit: {{ship: {{endpoint: 'https://c', headers: {{X-Key: '${{KEY}}'}}}}}}"
    found = configured(text, {**ENV, "OTEL_EXPORTER_OTLP_TIMEOUT": "1000"}).audit.ship
    assert found is not None
    assert (found.timeout_ns, found.headers[0][0], found.headers[0][1].value) == (10**10, "x-key", ENV["KEY"])
    assert whats(f"{HEAD}audit: {{ship: nowhere}}")[0].startswith("audit.ship")


@pytest.mark.parametrize(
    ("node", "replica"),
    [("host-1", "host-1"), ("a b/c", "a-b-c"), (".hidden.", "hidden"), ("ü", "gateway"), ("private", "gateway")],
)
def test_the_replica_is_the_machine_as_an_element_of_a_name(node: str, replica: str) -> None:
    """Unless it is written."""
    one = draft("providers: {}")
    one.known = replace(KNOWN, node=node)
    assert audit(one, None, ()).replica == replica


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{mode: on}", "audit.mode: `on` is not allowed here"),
        ("strict", "audit: `strict` is not a map"),
        ("{dri: x}", "audit.dri: unknown key `dri`"),
        ("{host: gw}", "audit.host: `gw` is no host name"),
        ("{host: 'a..b'}", "audit.host: `a..b` is no host name"),
        ("{cluster: a/b}", "audit.cluster: `a/b` is no element of a log's name"),
        ("{replica: ..}", "audit.replica: `..` is no element of a log's name"),
        ("{replica: keys}", "audit.replica: `keys` is no element of a log's name"),
        ("{wait: 0s}", "audit.wait: `0s` is no limit"),
        ("{retention: pic}", "audit.retention: `pic` is not allowed here"),
        ("{retention: 90}", "audit.retention: `90` has no unit"),
        ("{retention: {preset: pci, keep: 364d}}", "audit.retention.keep: 364d is shorter than `pci` asks for, 365d"),
        ("{anchors: [w]}", "audit.anchors: a list is not a map"),
        ("{anchors: {w: {url: x}}}", "audit.anchors: `w` has no `kind`"),
        ("{anchors: {w: {kind: rfc3161, every: 1}}}", "audit.anchors: `1` has no unit"),
        ("{anchors: {w: {kind: rfc3161, on: true}}}", "audit.anchors: `true` is not text"),
        ("{anchors: {w: {kind: rfc3161, certificate: {path: x}}}}", "audit.anchors: not a secret"),
        ("{anchors: {w: {kind: witness, url: [x]}}}", "audit.anchors: a list is not text"),
        ("{ship: {endpoint: 'http://c', protocol: grpc}}", "audit.ship.protocol: leaves don't go over `grpc`"),
        ("{auditors: [bob]}", "audit.auditors[0]: there is no key `bob`"),
    ],
)
def test_what_can_not_be_is_said(text: str, what: str) -> None:
    """Where it stands."""
    assert whats(f"{HEAD}audit: {text}") == [what]


def test_how_to_fix_it_is_said_too() -> None:
    """With what is allowed."""
    text = (
        f"{HEAD}keys: {{ann: {{key: '${{KEY}}'}}}}\naudit: {{auditors: [anne], retention: {{preset: hipaa, keep: 1d}}}}"
    )
    assert [line.partition(" | ")[2] for line in problems(text)] == [
        "did you mean `ann`? Keys: ann.",
        "write `2192d` or more, or take `preset` out.",
    ]


@pytest.mark.parametrize("preset", FLOORS)
def test_a_preset_is_a_floor(preset: str) -> None:
    """What is longer is kept longer."""
    floor = next(ns for name, ns in FLOORS.items() if name == preset)
    assert section(f"{{retention: {preset}}}").retention_ns == floor
    longer = section(f"{{retention: {{preset: {preset}, keep: 3000d}}}}")
    assert (longer.retention_ns, longer.preset) == (3000 * DAY, preset)


def test_a_retention_that_no_preset_knows_is_a_warning() -> None:
    """It can be used."""
    assert section("{retention: 30d}").retention_ns == 30 * DAY
    assert notes(f"{HEAD}audit: {{retention: 30d}}") == [
        "warning audit.retention: 30d is shorter than any preset asks for: ai-act, pci, hipaa, sec-17a4"
    ]


def test_a_network_file_system_is_a_warning() -> None:
    """Where a log is kept at all."""
    told = []
    for text in ("audit: {dir: /mnt/logs}", "audit: {dir: /mnt/logs, mode: off}"):
        one = draft(text)
        one.known = replace(KNOWN, network=lambda path: "nfs4" if path == "/mnt/logs" else None)
        audit(one, "t.yaml", ())
        told += [f"{note.kind} {note.at} {note.path}: {note.text}" for note in one.notes]
    (warning,) = told
    assert warning.startswith("warning t.yaml:1:14 audit.dir: `/mnt/logs` is on a network file system (nfs4)")


def test_the_digest_has_the_mode_and_neither_place_nor_machine() -> None:
    """Ruling 45."""

    def digest(text: str) -> str:
        return configured(f"{HEAD}audit: {text}").digest

    same = {digest(text) for text in ("{}", "{mode: strict}", "{dir: other}", "{retention: 184d}")}
    other = {digest(text) for text in ("{mode: available}", "{mode: off}", "{replica: host-1}", "{wait: 1s}")}
    assert (len(same), len(other), same & other) == (1, 4, set())
