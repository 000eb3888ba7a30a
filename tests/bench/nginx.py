"""nginx as a reverse proxy, set up for such work: kept connections both ways, nothing logged, streams not held back.

Source: nginx.org, documentation of `ngx_http_proxy_module` and `ngx_http_upstream_module`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.bench.work import KINDS, PATH, ROUTES, Provider

KEPT = 512  # connections to the provider
CONNECTIONS = 4_096


class Missing(Exception):
    """A system that is not installed; the text says how to get it."""


def program() -> str:
    """Where nginx is; Debian has it beside what only root runs.

    Raises:
        Missing: It is nowhere.
    """
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise Missing("nginx is not installed: `apt-get install nginx-light` on Debian")
    return found


def command(folder: Path, port: int, provider: Provider) -> Sequence[str]:
    """Write its configuration into a folder; how it is started there."""
    (folder / "nginx.conf").write_text(_configuration(port, provider), encoding="utf-8")
    return [program(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def _configuration(port: int, provider: Provider) -> str:
    kept = f"keepalive {KEPT}; keepalive_requests 1000000;"
    locations = "\n".join(_location(route, provider) for route in ROUTES)
    # One server of `limited` is asked first, the other one whenever that fails: then the first is not left out.
    return f"""
daemon off;
worker_processes 1;
pid nginx.pid;
events {{ worker_connections {CONNECTIONS}; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_body_buffer_size 64k;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_buffers 16 8k;
  proxy_ssl_protocols TLSv1.3;
  proxy_ssl_verify on;
  proxy_ssl_trusted_certificate {provider.cert};
  proxy_ssl_name localhost;
  proxy_ssl_server_name on;
  upstream plain {{ server 127.0.0.1:{provider.plain}; {kept} }}
  upstream tls {{ server 127.0.0.1:{provider.tls}; {kept} }}
  upstream limited {{
    server 127.0.0.1:{provider.limited} max_fails=0;
    server 127.0.0.1:{provider.plain} backup;
    {kept}
  }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
{locations}
  }}
}}
"""


def _location(route: str, provider: Provider) -> str:
    way = ROUTES[route]
    origin = way.origins[0]
    scheme = "https" if origin == "tls" else "http"
    lines = [f"proxy_pass {scheme}://{origin}/{way.kind}{PATH};"]
    if KINDS[way.kind].stream:
        lines.append("proxy_buffering off;")
    if origin == "limited":
        lines.append("proxy_next_upstream error timeout http_429 non_idempotent;")
    return f"    location = /{route}{PATH} {{ {' '.join(lines)} }}"
