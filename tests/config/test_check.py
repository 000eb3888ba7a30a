"""What `tracegate check` prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.config.reading import ENV, KNOWN
from tracegate.config.check import check

HEAD = "providers: {openai: {}}\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def checked(text: str, env: Mapping[str, str] | None = None) -> tuple[str, int]:
    """What is printed of a text, and the exit status."""
    Path("tracegate.yaml").write_text(text)
    return check("tracegate.yaml", {**ENV, **(env or {})}, KNOWN)


def telemetry(text: str, env: Mapping[str, str] | None = None) -> str:
    """The line of telemetry."""
    printed, status = checked(f"{HEAD}telemetry: {text}", env)
    assert status == 0
    (line,) = [line for line in printed.splitlines() if line.startswith("telemetry  ")]
    return line.removeprefix("telemetry  ")


def test_a_valid_configuration_is_summed_up() -> None:
    """The reference's own example: what there is, where telemetry goes, what to know."""
    text = """\
providers:
  azure-eu: {row: azure, base_url: "https://s.openai.azure.com/openai/v1", key: "${KEY}", region: swedencentral}
  openai-eu: {row: openai, base_url: "https://eu.api.openai.com/v1"}
routes: {chat: [azure-eu/gpt-5.5]}
telemetry: {otlp: "http://otel-collector:4318"}
"""
    printed, status = checked(text)
    first, *rest = printed.splitlines()
    assert status == 0
    assert first[:-9] == "tracegate.yaml is valid: 2 providers, 1 target, 1 route, 0 keys. Digest "
    assert rest == [
        "audit      strict → tracegate-audit (default)",
        "telemetry  direct → http://otel-collector:4318 (file)",
        "note       tracegate.yaml:3:3  providers.openai-eu: no `region`; its host proves `eu` (observed)",
    ]


def test_an_invalid_configuration_is_an_exit_status_of_1() -> None:
    """With everything that is wrong."""
    printed, status = checked("prviders: {}")
    assert status == 1
    assert printed.startswith("tracegate.yaml:1:1  prviders: unknown key `prviders`\n    did you mean `providers`?")
    assert printed.endswith("\n\n1 error in tracegate.yaml. Nothing was started.")


def test_a_file_that_can_not_be_read_is_an_exit_status_of_2() -> None:
    """With what the system says."""
    assert check("none.yaml", ENV, KNOWN) == ("none.yaml: can't be read: No such file or directory", 2)


@pytest.mark.parametrize(
    ("text", "env", "line"),
    [
        ("{}", {}, "direct → http://localhost:4318 (default)"),
        ("{}", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1"}, "direct → http://c:1 (env OTEL_EXPORTER_OTLP_ENDPOINT)"),
        ("{otlp: none}", {}, "nothing is exported"),
        ("{}", {"OTEL_SDK_DISABLED": "true"}, "nothing is exported (env OTEL_SDK_DISABLED)"),
        ("{logs: false}", {}, "direct: traces, metrics → http://localhost:4318 (default)"),
        (
            "{}",
            {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://d:2/x"},
            "direct: traces, metrics → http://localhost:4318 (default); "
            "logs → http://d:2/x (env OTEL_EXPORTER_OTLP_LOGS_ENDPOINT)",
        ),
        ("{otlp: {protocol: grpc}}", {}, "sdk → http://localhost:4317 (default), because: protocol grpc"),
        (
            "{}",
            {"OTEL_TRACES_EXPORTER": "console"},
            "sdk → http://localhost:4318 (default), because: OTEL_TRACES_EXPORTER is `console`",
        ),
    ],
)
def test_it_says_which_renderer_runs_and_why(text: str, env: dict[str, str], line: str) -> None:
    """And where each signal goes."""
    assert telemetry(text, env) == line


def test_many_notes_of_one_text_are_cut() -> None:
    """A thousand literal keys are one thing to know."""
    keys = "".join(f"  k{i}: {{key: literal-key-number-{i}}}\n" for i in range(9))
    printed, status = checked(f"{HEAD}keys:\n{keys}")
    warning = "the key is written out here; use `hash`, `${VAR}`, `{env: VAR}` or `{file: PATH}`"
    assert status == 0
    assert printed.splitlines()[3] == f"warning    tracegate.yaml:3:13  keys.k0.key: {warning}"
    assert printed.count("warning  ") == 5
    assert printed.splitlines()[-1] == f"           and 4 more: {warning}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{mode: off}", "off (file)"),
        ("{mode: available, dir: /var/log/a}", "available → /var/log/a (file)"),
        ("{ship: 'http://c:4319'}", "strict → tracegate-audit (default), shipped to http://c:4319/v1/logs"),
    ],
)
def test_it_says_where_the_audit_log_is(text: str, line: str) -> None:
    """And what happens while it can't be written."""
    printed, _ = checked(f"{HEAD}audit: {text}")
    assert printed.splitlines()[1] == f"audit      {line}"


def test_a_note_without_a_path_is_printed_without_one() -> None:
    """There is nothing to point at."""
    printed, _ = checked("{}")
    assert printed.splitlines()[-1] == (
        "warning    tracegate.yaml:1:1  there are no `providers`: nothing can be served"
    )
