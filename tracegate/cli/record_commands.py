"""`audit show|find|verify|export|erase|rotate|prune` as they are typed; what they do is imported when they run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def _where(command: F) -> F:
    """The options that every one of them has."""
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    command = click.option("--config", metavar="FILE", help="The gateway's configuration, which has `audit.dir`.")(
        command
    )
    return click.option("--dir", "folder", metavar="DIR", help="The audit directory, with all its logs.")(command)


@click.command()
@click.argument("what", metavar="RECORD|INDEX")
@click.option(
    "--log", metavar="NAME", help="Whose INDEX: an origin, or `replica/epoch`; needed where there are several."
)
@_where
def show(folder: str | None, config: str | None, as_json: bool, what: str, log: str | None) -> None:
    """Show a record with all its attempts and where it stands, or one leaf by its index.

    Exit status: 0 shown, 1 something is false, altered or missing, 2 usage or unreadable input, 3 not found, 4 the log
    is in use.
    """
    from tracegate.cli import records
    from tracegate.cli.archive import Where

    sys.exit(records.show(Where(folder, config, as_json), what, log))


@click.command()
@click.option("--response-id", metavar="ID", help="`id` of the answer, as the provider gave it.")
@click.option("--record", metavar="ID", help="`Tracegate-Record`.")
@click.option("--trace", metavar="ID", help="32 hex digits.")
@click.option("--upstream", metavar="ID", help="The provider's id of the request.")
@click.option("--text", metavar="FILE", help="The text of the answer.")
@click.option("--body", metavar="FILE", help="The answer's body, or all of it as `curl -i` saves it.")
@_where
def find(folder: str | None, config: str | None, as_json: bool, **given: str | None) -> None:
    """Find records by what somebody has in hand of an answer: an id, its text, its bytes.

    Exit status: 0 found, 1 something is false, altered or missing, 2 usage or unreadable input, 3 not found, 4 the log
    is in use.
    """
    from tracegate.cli import records
    from tracegate.cli.archive import Where

    asked = [(name.replace("_", "-"), value) for name, value in given.items() if value is not None]
    if len(asked) != 1:
        raise click.UsageError("look by one thing: --response-id, --record, --trace, --upstream, --text or --body.")
    sys.exit(records.find(Where(folder, config, as_json), *asked[0]))


@click.command()
@click.argument("record", metavar="RECORD")
@click.option("--key", "keys", metavar="VKEY|FILE", multiple=True, help="The log's public key; without it: incomplete.")
@click.option("--policy", metavar="FILE", help="Keys of logs and witnesses, as a C2SP tlog-policy, in place of keys.")
@click.option("--text", metavar="FILE", help="The text of an answer, to be compared with the record's.")
@click.option("--request", metavar="FILE", help="The body of the request, to be compared with the record's.")
@_where
def verify(
    folder: str | None,
    config: str | None,
    as_json: bool,
    record: str,
    keys: tuple[str, ...],
    policy: str | None,
    text: str | None,
    request: str | None,
) -> None:
    """Verify a record from the logs alone: its receipt, its place in the tree, what it commits to.

    Exit status: 0 all is proved, 1 something is false or altered, 2 usage or unreadable input, 3 nothing is false and
    something needed was not there, 4 the log is in use.
    """
    from tracegate.cli import records
    from tracegate.cli.archive import Where
    from tracegate.cli.verifying import Asked

    if keys and policy is not None:
        raise click.UsageError("whom to trust: --key or --policy, not both.")
    asked = Asked(keys=keys, policy=policy, text=text, request=request)
    sys.exit(records.verify(Where(folder, config, as_json), record, asked))


@click.command()
@click.option("--from", "since", metavar="TIME", help="First time, as 2026-11-24 or 2026-11-24T14:00:00Z.")
@click.option("--to", "until", metavar="TIME", help="The time behind the last.")
@click.option("--record", "records", metavar="ID", multiple=True, help="Print this record's bundle, no leaves.")
@click.option("--redact", type=click.Choice(["req"]), help="Bundles by which nobody can test guesses of the question.")
@_where
def export(
    folder: str | None,
    config: str | None,
    as_json: bool,
    since: str | None,
    until: str | None,
    records: tuple[str, ...],
    redact: str | None,
) -> None:
    """Print leaves of all logs, or bundles of records, one JSON object a line.

    Exit status: 0 exported, 1 something is false, altered or missing, 2 usage or unreadable input, 3 a record is in no
    log or still open, 4 the log is in use.
    """
    from tracegate.cli import exporting
    from tracegate.cli.archive import Where

    if records and (since is not None or until is not None):
        raise click.UsageError("what to export: --record, or a time with --from and --to.")
    where = Where(folder, config, as_json)
    sys.exit(exporting.export(where, since, until, records, redacted=redact is not None))


@click.command()
@click.option("--record", "records", metavar="ID", multiple=True, required=True, help="May stand several times.")
@click.option("--reason", default="asked for", show_default=True, help="Why; it stands in the log for ever.")
@_where
def erase(folder: str | None, config: str | None, as_json: bool, records: tuple[str, ...], reason: str) -> None:
    """Erase what allows anybody to confirm the content of records, all of them or none; the log says so.

    Through the gateway that has the log open, else by itself. Every proof stays valid. Exit status: 0 erased, 1
    refused, 2 usage or unreadable input, 3 a record is in no log or still open, 4 the log is in use and no gateway
    answers.
    """
    from tracegate.cli import erasing
    from tracegate.cli.archive import Where

    sys.exit(erasing.erase(Where(folder, config, as_json), records, reason))


@click.command()
@_where
def rotate(folder: str | None, config: str | None, as_json: bool) -> None:
    """Give the logs that gateways have open another key: their epochs end, and the next begin.

    Both keys vouch for the turn, in the log that ends; the old one is destroyed. Exit status: 0 done, 1 refused, 2
    usage or unreadable input, 3 no gateway has a log open, 4 the log is in use and no gateway answers.
    """
    from tracegate.cli import rotating
    from tracegate.cli.archive import Where

    sys.exit(rotating.rotate(Where(folder, config, as_json)))


@click.command()
@click.argument("named", metavar="[DIR]", required=False)
@click.option("--before", metavar="INDEX|DATE", required=True, help="The first index, or the first time, that stays.")
@click.option("--by", metavar="NAME", help="Who wants it, for the leaf; without it: who runs this.")
@_where
def prune(
    folder: str | None, config: str | None, as_json: bool, named: str | None, before: str, by: str | None
) -> None:
    """Remove the beginning of the logs below DIR, or of the one log that DIR is; a leaf says so first.

    INDEX is a multiple of 256. What stays: leaves younger than `audit.retention`, those from an open request on, and
    those that the sink has not acknowledged. Through the gateway that has the log open, else by itself; what broke off
    is finished by doing it again. Exit status: 0 done, 1 refused, 2 usage or unreadable input, 4 the log is in use and
    no gateway answers.
    """
    from tracegate.cli import pruning
    from tracegate.cli.archive import Where

    if named is not None and folder is not None:
        raise click.UsageError("whose logs: DIR or --dir, not both.")
    sys.exit(pruning.prune(Where(named or folder, config, as_json), before, by))


COMMANDS = (show, find, verify, export, erase, rotate, prune)
