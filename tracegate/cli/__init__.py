"""The command line: `tracegate serve`, `check`, `explain`, `key`, `verify`, `audit`, `demo`, `stack`.

Commands import what they need when they run, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

import click

from tracegate import __version__
from tracegate.cli.record_commands import COMMANDS

DEFAULT_FILE = "tracegate.yaml"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tracegate")
def main() -> None:
    """An LLM gateway whose first job is evidence: which provider, model version and region served an answer."""


@main.command()
@click.option("--config", "file", metavar="FILE", help=f"Configuration; default: {DEFAULT_FILE} if it exists.")
@click.option("--host", help="Listen here instead of `listen`.")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port; 0 is any free one.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
def serve(file: str | None, host: str | None, port: int | None, workers: int) -> None:
    """Serve the gateway.

    Without a file, every provider whose key stands in the environment is served as `provider/model`.
    """
    from tracegate.cli.serving import run

    sys.exit(run(_file(file), host, port, workers))


@main.command()
@click.argument("file", metavar="FILE")
def check(file: str) -> None:
    """Check a configuration and say what is wrong, where, and how to fix it."""
    from tracegate.config.check import check as checked

    text, status = checked(file, os.environ)
    click.echo(text, err=status != 0)
    sys.exit(status)


@main.command()
@click.argument("file", metavar="FILE")
@click.argument("route", metavar="[ROUTE]", required=False)
def explain(file: str, route: str | None) -> None:
    """Print the route tree as it will run, with every effective value and where it came from."""
    from tracegate.cli.loading import loaded
    from tracegate.config.explain import explain as explained
    from tracegate.errors import ConfigError

    config = loaded(file)
    try:
        click.echo(explained(config, route))
    except ConfigError as exc:
        click.echo(str(exc), err=True)
        sys.exit(1)


@main.command()
def key() -> None:
    """Make a random client key; print it and the hash that goes into the configuration."""
    from tracegate.cli.keys import new_key

    secret, digest = new_key(os.urandom(32))
    click.echo(f"key   {secret}\nhash  {digest}")
    click.echo('Give the key to the client. Write the hash: keys: {NAME: {hash: "…", tenant: …}}', err=True)


@main.command()
@click.argument("response", metavar="[RESPONSE]", required=False)
@click.option("--receipt", metavar="BUNDLE", help="The record's bundle, as the gateway gave it.")
@click.option("--key", "keys", metavar="VKEY|FILE", multiple=True, help="A log's public key; may stand several times.")
@click.option("--policy", metavar="FILE", help="Keys of logs and witnesses, as a C2SP tlog-policy, in place of keys.")
@click.option("--text", metavar="FILE", help="The text of an answer, to be compared with the record's.")
@click.option("--request", metavar="FILE", help="The body of the request, to be compared with the record's.")
@click.option("--method", help="Of the request; default: what the record says.")
@click.option("--path", help="Of the request; default: what the record says.")
@click.option("--against", metavar="CHECKPOINT", help="A checkpoint of the log that was saved earlier or elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(as_json: bool, response: str | None, receipt: str | None, keys: tuple[str, ...], **also: str | None) -> None:
    """Verify a saved answer offline: RESPONSE as `curl -i` saves it, or the events of a stream.

    Needs the public key of the log, from somewhere else than the answer. Exit status: 0 all is proved, 1 something is
    false or altered, 2 usage or unreadable input, 3 nothing is false and something needed was not there.
    """
    from tracegate.cli.verifying import Asked, run

    if response is None and receipt is None:
        raise click.UsageError("nothing to verify: give RESPONSE, --receipt, or both.")
    if bool(keys) == (also["policy"] is not None):
        raise click.UsageError("whom to trust: give --key or --policy; a key that came with the answer proves nothing.")
    sys.exit(run(Asked(response, receipt, keys, **also), as_json=as_json))


@main.command()
@click.option("--keep", is_flag=True, help="Keep serving afterwards, and print how to send a request.")
@click.option("--svg", metavar="FILE", help="Write the picture of one trace.")
@click.option("--stack", is_flag=True, help="Export to a real Collector, and read all back from its stores.")
def demo(keep: bool, svg: str | None, stack: bool) -> None:
    """Send a dozen requests through healthy and failing providers and print who served each, as a tree."""
    if stack:
        if svg is not None:
            raise click.UsageError("--svg draws without a stack: leave one of them out.")
        from tracegate.cli import demo_stack

        sys.exit(demo_stack.run(keep=keep))
    from tracegate.cli.demo import run

    sys.exit(run(keep=keep, svg=svg))


@main.group()
def audit() -> None:
    """Ask the logs of the audit record on disk."""


for command in COMMANDS:
    audit.add_command(command)


@audit.command()
@click.argument("folder", metavar="DIR")
@click.option("--key", "keys", metavar="VKEY|FILE", multiple=True, help="The log's public key; without it: incomplete.")
@click.option("--against", metavar="CHECKPOINT", multiple=True, help="One that was saved earlier or elsewhere.")
@click.option("--authority", metavar="FILE", help="Time-stamp authorities, PEM: the stamps in the log are checked too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def fsck(folder: str, keys: tuple[str, ...], against: tuple[str, ...], authority: str | None, as_json: bool) -> None:
    """Check one log by bytes and by meaning; never writes.

    Exit status: 0 sound, 1 something is false, altered or missing, 2 usage or unreadable input, 3 nothing is false and
    something needed for the proof was not there.
    """
    from tracegate.cli import auditing

    sys.exit(auditing.fsck(folder, keys, against, authority, as_json=as_json))


@audit.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--sink",
    "sinks",
    metavar="FILE|URL",
    multiple=True,
    required=True,
    help="File or folder that it wrote, or a VictoriaLogs; may stand several times.",
)
@click.option("--key", "keys", metavar="VKEY|FILE", multiple=True, help="Public keys of the logs; without: incomplete.")
@click.option("--resend", is_flag=True, help="Let the gateway send what is missing once more.")
@click.option("--otlp", metavar="URL", help="Tell the number of gaps as a metric to this receiver, for the dashboard.")
@click.option("--service", default="tracegate", show_default=True, help="The gateways' service.name, with --otlp.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def reconcile(
    folder: str,
    sinks: tuple[str, ...],
    keys: tuple[str, ...],
    resend: bool,
    otlp: str | None,
    service: str,
    as_json: bool,
) -> None:
    """Compare a sink with all logs below DIR, which is `audit.dir`; name each leaf that is missing, altered or doubled.

    A sink is what the Collector's file exporter wrote, what `audit export` wrote, or the URL of a VictoriaLogs.
    Exit status: 0 complete, 1 something is missing or altered, 2 usage or unreadable input, 3 nothing is false and
    something was not shipped yet, or could not be proved.
    """
    from tracegate.cli import reconciling

    sys.exit(reconciling.run(folder, sinks, keys, resend=resend, as_json=as_json, otlp=otlp, service=service))


@main.group()
def stack() -> None:
    """A Collector, Jaeger, Prometheus and VictoriaLogs on this machine, built from a checkout."""


@stack.command()
@click.option("--durable", is_flag=True, help="Let the Collector keep its queue on disk.")
@click.option("--jaeger-store", type=click.Choice(["memory", "badger"]), default="memory", show_default=True)
def up(durable: bool, jaeger_store: Literal["memory", "badger"]) -> None:
    """Build what is missing, start all four on loopback, and say where they are."""
    from tracegate.cli.stacking import run
    from tracegate.stack import commands

    sys.exit(run(lambda say: commands.up(say, durable=durable, jaeger_store=jaeger_store), first=commands.build))


@stack.command()
def down() -> None:
    """End what `up` started, and remove its data."""
    from tracegate.cli.stacking import run
    from tracegate.stack import commands

    sys.exit(run(commands.down))


@stack.command()
def status() -> None:
    """Say what runs and whether it is well."""
    from tracegate.cli.stacking import run
    from tracegate.stack import commands

    sys.exit(run(commands.status))


def _file(given: str | None) -> str | None:
    if given is not None:
        return given
    return DEFAULT_FILE if Path(DEFAULT_FILE).exists() else None
