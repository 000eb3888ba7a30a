"""Two other gateways, in a pinned version each: installed on demand into a folder of their own, outside the checkout.

LiteLLM traces with its callback `otel`; its settings are those of its page "Best Practices for Production": one
process, the log at ERROR, `LITELLM_MODE=PRODUCTION`. Its prices are those that it ships. Portkey's open gateway has no
tracing; a request brings its configuration along. Both retry nothing and keep no cache.

Source: docs.litellm.ai, `proxy/prod`, `proxy/reliability` and `observability/opentelemetry_integration`;
portkey.ai/docs, `product/ai-gateway/configs`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from tests.bench.nginx import Missing
from tests.bench.work import KEY, MODEL, ROUTES, Provider, Way
from tracegate.stack.places import cache

LITELLM = "1.106.2"
PORTKEY = "1.15.2"
NODE_SERVER = "1.13.7"
"""Of `@hono/node-server`: Portkey allows newer ones too, over which every stream of it ends in a 500."""

OTEL = "1.45.2"

INSTALL_S = 1200


def litellm(
    folder: Path, port: int, provider: Provider, collector: str | None
) -> tuple[Sequence[str], Mapping[str, str]]:
    """Write LiteLLM's configuration into a folder; its command and environment."""
    at = litellm_folder()
    models: list[dict[str, object]] = []
    for route, way in ROUTES.items():
        for number, origin in enumerate(way.origins):
            settings = {"model": f"openai/{MODEL}", "api_key": "sk-of-the-benchmark"}
            settings["api_base"] = provider.url(way.kind, origin)
            models.append({"model_name": route if not number else f"{route}-{origin}", "litellm_params": settings})
    written = {
        "model_list": models,
        "litellm_settings": {"num_retries": 0, "request_timeout": 600, "set_verbose": False}
        | ({} if collector is None else {"callbacks": ["otel"]}),
        "router_settings": {"num_retries": 0, "disable_cooldowns": True, "fallbacks": [{"limited": ["limited-plain"]}]},
        "general_settings": {"master_key": KEY},
    }
    file = folder / "litellm.yaml"
    file.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    environment = {"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    environment |= {"SSL_CERT_FILE": provider.cert, "NO_PROXY": "127.0.0.1"}
    if collector is not None:
        environment |= {"OTEL_EXPORTER": "otlp_http", "OTEL_ENDPOINT": f"{collector}/v1/traces"}
    command = [str(at / "bin" / "litellm"), "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
    return [*command, "--num_workers", "1", "--telemetry", "False"], environment


def litellm_folder() -> Path:
    """Where LiteLLM is, installed if it was not.

    Raises:
        Missing: It can't be.
    """
    at = cache(os.environ) / "bench" / f"litellm-{LITELLM}"
    python = str(at / "bin" / "python")
    packages = [f"litellm[proxy]=={LITELLM}", f"opentelemetry-sdk=={OTEL}", f"opentelemetry-exporter-otlp=={OTEL}"]
    _install(
        at, [[sys.executable, "-m", "venv", "."], [python, "-m", "pip", "install", "--quiet", *packages]], {}, packages
    )
    return at


def portkey(port: int, provider: Provider) -> tuple[Sequence[str], Mapping[str, str]]:
    """Portkey's command and environment."""
    at = portkey_folder()
    server = at / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    environment = {"NODE_ENV": "production", "NODE_EXTRA_CA_CERTS": provider.cert}
    return ["node", str(server), "--headless", f"--port={port}"], environment


def portkey_folder() -> Path:
    """Where Portkey is, installed if it was not.

    Raises:
        Missing: It can't be.
    """
    if shutil.which("node") is None:
        raise Missing("Portkey needs Node.js: `apt-get install nodejs npm` on Debian")
    at = cache(os.environ) / "bench" / f"portkey-{PORTKEY}"
    pins = {"dependencies": {"@portkey-ai/gateway": PORTKEY}, "overrides": {"@hono/node-server": NODE_SERVER}}
    _install(at, [["npm", "install", "--silent", "--no-audit", "--no-fund"]], {"package.json": json.dumps(pins)}, pins)
    return at


def portkey_config(way: Way, provider: Provider) -> str:
    """What a request tells Portkey: one target, or two in order."""
    targets = [
        {"provider": "openai", "api_key": "sk-of-the-benchmark", "custom_host": provider.url(way.kind, origin)}
        for origin in way.origins
    ]
    if len(targets) == 1:
        return json.dumps(targets[0])
    return json.dumps({"strategy": {"mode": "fallback", "on_status_codes": [429]}, "targets": targets})


def _install(at: Path, commands: Sequence[Sequence[str]], files: Mapping[str, str], pins: object) -> None:
    """Make a folder with some files and run the commands that fill it, unless that was done with these pins before.

    Raises:
        Missing: One failed; the text has the end of what it said.
    """
    done, want = at / "installed", json.dumps(pins)
    if done.exists() and done.read_text("utf-8") == want:
        return
    shutil.rmtree(at, ignore_errors=True)
    at.mkdir(parents=True)
    for name, text in files.items():
        (at / name).write_text(text, encoding="utf-8")
    sys.stderr.write(f"installing into {at}, once\n")
    for command in commands:
        try:
            ran = subprocess.run(command, cwd=at, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except FileNotFoundError as exc:
            raise Missing(f"{at.name} can't be installed: there is no {command[0]}") from exc
        if ran.returncode:
            raise Missing(f"{at.name} can't be installed: {' '.join(command)}\n{(ran.stdout + ran.stderr)[-2000:]}")
    done.write_text(want, encoding="utf-8")
