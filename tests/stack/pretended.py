"""Programs that stand in for the real ones: servers that are well, sick or deaf, and a Go that makes nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tracegate.stack.servers import PROGRAMS

_SERVER = '''#!{python} -SI
"""Answers 200 to everything, at the address its arguments, environment or configuration name for its health."""
import http.server, os, pathlib, re, signal, sys
how = "{how}"
told = " ".join(sys.argv[1:]) + " " + os.environ.get("TRACEGATE_COLLECTOR_HEALTH", "")
for file in re.findall(r"--config=(\\S+jaeger[.]yaml)", told):
    told = pathlib.Path(file).read_text().partition("healthcheckv2")[2]
port = int(re.search(r"127[.]0[.]0[.]1:([0-9]+)", told)[1])
if how == "broken":
    sys.exit("address already in use")
if how == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
class Answers(http.server.BaseHTTPRequestHandler):
    def log_message(self, *told):
        pass
    def do_GET(self):
        if how == "cut":
            return
        self.send_response(503 if how == "sick" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"no" if how == "sick" else b"ok")
listens = http.server.HTTPServer(("127.0.0.1", port), Answers)
print("OTEL" if "OTEL_SDK_DISABLED" in os.environ else "clean", flush=True)
listens.serve_forever()
'''

_GO = '''#!{python} -SI
"""A `go` that knows `env`, `list` and `build`."""
import json, pathlib, sys
arguments = sys.argv[1:]
beside = pathlib.Path(__file__).parent
with (beside / "asked.txt").open("a") as asked:
    asked.write(" ".join(arguments) + "\\n")
if arguments[0] == "env":
    if "{version}" == "broken":
        sys.exit("go: no")
    print(json.dumps(dict(GOVERSION="{version}", GOOS="linux", GOARCH="amd64", GOPROXY="{proxy}")))
elif arguments[0] == "list":
    print("go: downloading example.test/module v1.0.0\\nexample.test/one\\n\\nexample.test/two\\nexample.test/three")
elif "{fails}":
    sys.exit("# example.test/one\\n./one.go:1:1: {fails}")
else:
    out = pathlib.Path(arguments[arguments.index("-o") + 1])
    print("example.test/one\\nexample.test/two")
    for package in arguments[arguments.index("-o") + 2:]:
        (out / (package.rpartition("/")[2] if package != "." else "otelcol")).write_text("made")
'''


def servers(folder: Path, **how: str) -> Mapping[str, Path]:
    """Programs for each server; `how` says of one that it is `broken`, `deaf`, `sick` or `cut`."""
    made = {}
    for server, name in PROGRAMS.items():
        made[name] = _program(folder / name, _SERVER.format(python=sys.executable, how=how.get(server, "well")))
    return made


def go(folder: Path, version: str = "go1.26.8", *, proxy: str = "https://proxy.test,direct", fails: str = "") -> Path:
    """A `go` of that version, whose builds fail with that text, if any."""
    return _program(folder / "go", _GO.format(python=sys.executable, version=version, proxy=proxy, fails=fails))


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)
    return path
