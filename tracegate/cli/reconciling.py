"""`audit reconcile`: a sink, as files or a VictoriaLogs, against all logs of a folder; the comparison is elsewhere.

Of a VictoriaLogs it reads the leaves of the logs that are there, by its query interface, in pages.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit

import click

from tracegate.audit.directory import Directory
from tracegate.audit.disk import Disk
from tracegate.audit.offsets import Offsets, Span, count
from tracegate.audit.reading import StoredLog
from tracegate.audit.reconcile import Book, reconcile
from tracegate.audit.sinks import EVENT, INDEX, LOG, Found, Unread, read_lines
from tracegate.audit.verdict import UNUSABLE
from tracegate.cli.verifying import keys_of, tell
from tracegate.clock import SystemClock
from tracegate.errors import ConfigError, Malformed
from tracegate.telemetry.gaps import tell_gaps
from tracegate.telemetry.post import Poster

SAID = {
    "verified": "Complete: the sink has every leaf that is under a signed head, as it is in the log.",
    "refused": "Not complete: leaves are missing at the sink, or are not what they should be.",
    "incomplete": "Incomplete: nothing is false, and something was not there yet, or could not be proved.",
}

PAGE = 20_000
"""Leaves that are asked of a VictoriaLogs at a time: far less than it refuses for lack of memory or time."""

PATIENCE_S = 60.0


def run(
    folder: str,
    sinks: Sequence[str],
    keys: Sequence[str],
    *,
    resend: bool,
    as_json: bool,
    otlp: str | None = None,
    service: str = "tracegate",
) -> int:
    """Compare and print; returns the exit status, 2 where something can't be read, or nobody takes the metric.

    Args:
        folder: Of all logs.
        sinks: Files, folders of files, URLs of VictoriaLogs: together they are the sink.
        keys: Public keys, or files of them.
        resend: Ask for what is lacking to be sent once more, by the gateway of that folder.
        as_json: Print one JSON object.
        otlp: Address of a receiver of OTLP that is told how many leaves each log has that the sink lacks.
        service: `service.name` of the gateways, for that.
    """
    root = Path(folder)
    offsets = Offsets(root, Disk())
    try:
        known = {key.name: key for key in keys_of(keys)}
        logs = Directory(root).logs()
        if not logs:
            raise Malformed(f"{folder}: no log stands below it")
        books = [Book(log, offsets.read(log.name), known.get(log.origin)) for log in logs]
        report, lost = reconcile(books, (one for sink in sinks for one in _found(sink, logs)))
        if resend:
            _ask(offsets, lost)
        if otlp is not None:
            gaps = {book.log.origin: book.numbers["missing"] + book.numbers["altered"] for book in books}
            asyncio.run(_tell(otlp, service, gaps))
    except (Malformed, ConfigError, OSError, HTTPException) as exc:
        click.echo(f"can't be read: {exc}", err=True)
        return UNUSABLE
    return tell(report, SAID[report.verdict], as_json=as_json)


async def _tell(otlp: str, service: str, gaps: Mapping[str, int]) -> None:
    post = Poster()
    try:
        await tell_gaps(otlp, service, gaps, SystemClock(), post)
    finally:
        await post.close()


def _ask(offsets: Offsets, lost: Mapping[str, Sequence[Span]]) -> None:
    for name, spans in lost.items():
        if spans:
            offsets.ask(name, spans)
            click.echo(f"{name}: the gateway sends {count(spans)} leaves once more, now or at its next start", err=True)


def _found(sink: str, logs: Iterable[StoredLog]) -> Iterator[Found | Unread]:
    if sink.startswith(("http://", "https://")):
        for log in logs:
            yield from _asked(sink, log)
        return
    path = Path(sink)
    for file in sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]:
        with file.open("rb") as lines:
            yield from read_lines(lines, str(file))


def _asked(url: str, log: StoredLog) -> Iterator[Found | Unread]:
    """What a VictoriaLogs has of one log; what stands behind its head comes last."""
    size = log.size
    for start in range(0, size, PAGE):
        yield from _queried(url, log, f":range[{start}, {min(size, start + PAGE)})")
    yield from _queried(url, log, f":>={size}")


def _queried(url: str, log: StoredLog, indices: str) -> Iterator[Found | Unread]:
    query = f'event_name:="{EVENT}" "{LOG}":="{log.origin}" "{INDEX}"{indices}'
    query += f' | fields _msg, event_name, "{LOG}", "{INDEX}"'
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(user.encode()).decode()}"
    try:
        path = f"{parts.path.rstrip('/')}/select/logsql/query"
        connection.request("POST", path, urlencode({"query": query}), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            said = answer.read(500).decode("utf-8", "replace").strip()
            raise Malformed(f"{parts.hostname}:{parts.port or ''} answered {answer.status}: {said}")
        yield from read_lines(answer, parts.hostname or "")
    finally:
        connection.close()
