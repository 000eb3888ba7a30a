"""The configuration of telemetry."""

from __future__ import annotations

from tracegate.config.model_telemetry import Otlp
from tracegate.config.secret import Secret


def test_plain_otlp_is_the_default() -> None:
    """Protobuf over HTTP, ten seconds, nothing compressed."""
    otlp = Otlp("http://c:4318/v1/traces")
    assert (otlp.protocol, otlp.compression, otlp.timeout_ns) == ("http/protobuf", "none", 10 * 10**9)


def test_headers_show_no_secret() -> None:
    """They are credentials more often than not."""
    assert "sk-1" not in repr(Otlp("http://c", headers=(("x-key", Secret("sk-1", "env", "K")),)))
