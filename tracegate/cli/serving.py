"""`tracegate serve`: load, bind, say where, serve."""

from __future__ import annotations

from dataclasses import replace

import click

from tracegate.cli.loading import loaded
from tracegate.config.model import Config
from tracegate.server.serve import bind, serve


def run(file: str | None, host: str | None, port: int | None, workers: int) -> int:
    """Serve until stopped; returns the exit status."""
    config = loaded(file)
    listen = replace(
        config.listen,
        host=config.listen.host if host is None else host,
        port=config.listen.port if port is None else port,
    )
    try:
        sock = bind(listen)
    except OSError as exc:
        click.echo(
            f"can't listen on {listen.host}:{listen.port}: {exc.strerror}. Stop what listens there, or choose another "
            "address: `listen` in the file, or --host and --port.",
            err=True,
        )
        return 1
    for line in greeting(config, sock.getsockname()):
        click.echo(line)
    serve(config, sock, workers)
    return 0


def greeting(config: Config, address: tuple[str, int]) -> list[str]:
    """What is printed at the start: where, what is served, and where telemetry goes."""
    host, port = address[:2]
    scheme = "http" if config.listen.tls is None else "https"
    base = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/v1"
    names = [name for name in config.routes if name != "*"] or [f"{id}/…" for id in config.providers]
    telemetry = config.telemetry
    where = "off" if telemetry.disabled or telemetry.traces is None else telemetry.traces.endpoint
    return [
        f"Tracegate serves {config.file or 'the providers of the environment'} on {base}",
        f"  models     {', '.join(names)}",
        f"  telemetry  {telemetry.renderer} → {where}",
        *(f"  {note.kind:<9}  {note.text}" for note in config.notes),
    ]
