"""`tracegate serve`: load, bind, serve, and say where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from tracegate.cli.loading import loaded
from tracegate.config.check import exported, kept, noted
from tracegate.config.environment import found
from tracegate.config.known import installed
from tracegate.config.listening import moved
from tracegate.config.model import Config
from tracegate.errors import ConfigError
from tracegate.server.serve import bind, serve


def run(file: str | None, host: str | None, port: int | None, workers: int) -> int:
    """Serve until stopped; returns the exit status."""
    config = loaded(file)
    try:
        config = moved(config, host, port)
        listen = config.listen
        try:
            sock = bind(listen)
        except OSError as exc:
            click.echo(
                f"can't listen on {listen.host}:{listen.port}: {exc.strerror or exc}. Stop what listens there, or "
                "choose another address: `listen` in the file, or --host and --port.",
                err=True,
            )
            return 1
        with sock:
            address = sock.getsockname()
            return serve(config, sock, workers, lambda: click.echo("\n".join(greeting(config, address, workers))))
    except ConfigError as exc:
        click.echo(str(exc), err=True)
        return 1


def greeting(config: Config, address: tuple[str, int], workers: int = 1) -> Iterator[str]:
    """What is printed at the start: where, what is served, where the audit log is kept, and where telemetry goes.

    Args:
        config: The configuration.
        address: Host and port of the socket.
        workers: Processes; where there are several, each has a log of its own, and has not opened it yet.
    """
    host, port = address[:2]
    scheme = "http" if config.listen.tls is None else "https"
    if config.file is None:
        yield found(config, installed())
    yield f"Tracegate serves on {scheme}://{f'[{host}]' if ':' in host else host}:{port}/v1"
    names = [name for name in config.routes if name != "*"]
    names += [id for id in config.targets if "/" not in id and id not in names]
    names += [f"{id}/…" for id in config.providers] if config.direct else []
    yield f"  models     {', '.join(names) or 'none'}"
    yield f"  audit      {kept(config)}"
    key = key_of(config) if workers == 1 else None
    if key is not None:
        yield f"  audit key  {key}"
    yield f"  telemetry  {exported(config)}"
    for line in noted(config.notes):
        yield f"  {line}"


def key_of(config: Config) -> str | None:
    """The public key of the log that this process has just opened, for verifiers to pin; `None` where it has none."""
    audit = config.audit
    if audit.mode == "off":
        return None
    from tracegate.audit.directory import Directory  # a gateway without a log starts without its room

    logs = [log for log in Directory(Path(audit.dir)).logs() if log.name.startswith(f"{audit.replica}/")]
    return logs[-1].key.vkey if logs else None
