"""What has arrived of the audit logs at their sink, asked of the store itself; and the command that compares both."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from dashboards.check.kept import kept
from dashboards.check.load import Gateway
from tracegate.stack.parts import StackError
from tracegate.stack.readers import found
from tracegate.stack.stack import Stack

SOUND, GAPS = 0, 1
"""Exit statuses of the command: all is there, or something is missing."""


async def all_there(stack: Stack, one: Gateway, but: int = 0) -> None:
    """Wait until the store has every leaf of a gateway's log, but for so many."""
    log = kept(one.log)
    query = f'event_name:="tracegate.audit.v1" "tracegate.audit.log":="{log.origin}"'
    counted = f'{query} | stats count_uniq("audit.sequence.number") as leaves'

    async def missing() -> float:
        told = await stack.victorialogs.stats(counted)
        return kept(one.log).leaves - sum(float(one["value"][1]) for one in told)

    await found(missing, lambda lacking: lacking == but)


async def reconciled(stack: Stack, one: Gateway, status: int) -> None:
    """Run `tracegate audit reconcile`, and wait until Prometheus has its number.

    Args:
        stack: The stores.
        one: Whose log is compared.
        status: What the command must say.

    Raises:
        StackError: It says something else.
    """
    command = [
        *(str(Path(sys.executable).with_name("tracegate")), "audit", "reconcile", str(one.log.parents[1])),
        *("--sink", stack.victorialogs.url, "--key", one.audit.epoch.signer.key.vkey),
        *("--otlp", stack.otlp_http, "--service", one.job),
    ]
    ran = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await ran.communicate()
    if ran.returncode != status:
        raise StackError(f"{' '.join(command)} ended with {ran.returncode}:\n{said.decode()}")
    await found(lambda: stack.prometheus.query(f'tracegate_audit_gaps{{job="{one.job}"}}'))
