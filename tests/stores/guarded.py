"""A second Collector before the stores of a stack, which lets in only who proves who it is.

It is the same distribution with the same configuration, and over it TLS with certificates of clients on both protocols,
a bearer token on gRPC and a password on HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tracegate.clock import RandomIds, SystemClock
from tracegate.stack import ports
from tracegate.stack.fetch import ask
from tracegate.stack.process import spawn
from tracegate.stack.readers import found
from tracegate.stack.servers import health
from tracegate.stack.stack import Stack, end

TESTS = Path(__file__).parents[1]
TLS = TESTS / "telemetry" / "tls"
ANOTHER_AUTHORITY = TESTS / "upstream" / "tls" / "ca.pem"

TOKEN = "planted-token-0123456789"
USER = "gateway"
PASSWORD = "planted-password-0123456789"

CONFIG = f"""
extensions:
  bearertokenauth: {{token: {TOKEN}}}
  basicauth: {{htpasswd: {{inline: "{USER}:{PASSWORD}"}}}}
receivers:
  otlp:
    protocols:
      grpc:
        tls: &tls {{cert_file: {TLS}/server.pem, key_file: {TLS}/server.key, client_ca_file: {TLS}/ca.pem}}
        auth: {{authenticator: bearertokenauth}}
      http:
        tls: *tls
        auth: {{authenticator: basicauth}}
service:
  extensions: [health_check, zpages, bearertokenauth, basicauth]
"""


@dataclass(frozen=True)
class Guarded:
    """Where it listens, both with `https`, and where it writes its log."""

    grpc: str
    http: str
    log: Path


@contextmanager
def guarded(stack: Stack, folder: Path) -> Iterator[Guarded]:
    """Run it while the block runs."""
    file, log = folder / "guarded.yaml", folder / "guarded.log"
    file.write_text(CONFIG)
    chosen = ports.choose(RandomIds(), usual=False)
    collector = stack.servers["collector"]
    own = {
        "TRACEGATE_COLLECTOR_GRPC": f"127.0.0.1:{chosen['otlp_grpc']}",
        "TRACEGATE_COLLECTOR_HTTP": f"127.0.0.1:{chosen['otlp_http']}",
        "TRACEGATE_COLLECTOR_AUDIT": f"127.0.0.1:{chosen['otlp_audit']}",
        "TRACEGATE_COLLECTOR_HEALTH": f"127.0.0.1:{chosen['collector_health']}",
        "TRACEGATE_COLLECTOR_ZPAGES": f"127.0.0.1:{chosen['collector_zpages']}",
        "TRACEGATE_COLLECTOR_METRICS_PORT": str(chosen["collector_metrics"]),
    }
    process = spawn([*collector.command, f"--config={file}"], {**collector.env, **own}, log)
    try:
        asyncio.run(found(lambda: ask(health("collector", chosen)), lambda answer: answer.status == 200))
        yield Guarded(f"https://127.0.0.1:{chosen['otlp_grpc']}", f"https://127.0.0.1:{chosen['otlp_http']}", log)
    finally:
        asyncio.run(end({"guarded": process}, SystemClock()))
