"""The power fails at the moments of a trace: what the next start then finds on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tests.torture.judged import faults_of, heads_of, reopened
from tests.torture.power import Drive, Left, put_down
from tests.torture.traced import Call, moments
from tracegate.audit.process import Settings

HOW: tuple[Left, ...] = ("synced", "some", "all")


@dataclass(frozen=True, slots=True)
class Cut:
    """One moment.

    Args:
        before: The call that had just begun or ended.
        left: What is on the disk, by what becomes of what no sync has covered.
        said: Lines of what was acknowledged by then, as `faults_of` takes them.
        heads: Checkpoints that a reader can have seen by then.
    """

    before: Call
    left: Mapping[Left, Mapping[str, bytes | None]]
    said: Sequence[str]
    heads: Sequence[str]

    def faults(self, how: Left, settings: Settings) -> list[str]:
        """What is wrong with the log after it and the next start; the folder of the settings is new."""
        folder = settings.home.root
        put_down(self.left[how], folder)
        heads = [*self.heads, *heads_of(folder)]
        return reopened(settings) or faults_of(folder, heads, self.said)


def cuts(
    drive: Drive, calls: list[Call], said_by: Callable[[Call], Sequence[str]], chance: Random, share: float = 1.0
) -> Iterator[Cut]:
    """Moments at which the disk is another than at the one before.

    Args:
        drive: As it was before the first call.
        calls: Of a trace.
        said_by: What a call acknowledges from its beginning on.
        chance: Which moments, and what is left.
        share: Of all moments.
    """
    said: list[str] = []
    heads: dict[str, None] = {}
    for call, ends in moments(calls):
        if not ends:
            said += said_by(call)
        if not (drive.ends(call) if ends else drive.begins(call)):
            continue
        heads |= dict.fromkeys(seen.decode() for seen in drive.named("checkpoint"))
        if chance.random() < share:
            yield Cut(call, {how: drive.left(how, chance) for how in HOW}, [*said], [*heads])


def told(call: Call) -> list[str]:
    """What a life acknowledges."""
    return call.data.decode().splitlines() if call.name == "sendto" else []
