"""The power fails at every moment of a life: what the next start then finds on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.torture.lives import judged
from tests.torture.power import Drive, Left, put_down
from tests.torture.traced import Call, moments

HOW: tuple[Left, ...] = ("synced", "some", "all")


@dataclass(frozen=True, slots=True)
class Cut:
    """One moment.

    Args:
        before: The call that had just begun or ended.
        left: What is on the disk, by what becomes of what no sync has covered.
        said: Lines of what was acknowledged by then.
        heads: Checkpoints that a reader can have seen by then.
    """

    before: Call
    left: Mapping[Left, Mapping[str, bytes | None]]
    said: Sequence[str]
    heads: Sequence[str]

    def faults(self, how: Left, folder: Path) -> list[str]:
        """What is wrong with the log after it; the folder is new."""
        put_down(self.left[how], folder)
        return judged(folder, self.said, self.heads)


def cuts(drive: Drive, calls: list[Call], seed: int) -> Iterator[Cut]:
    """Each moment at which the disk is another than at the one before.

    Args:
        drive: As it was before the first call.
        calls: Of a life.
        seed: Of what chance leaves.
    """
    chance = Random(seed)
    said: list[str] = []
    heads: dict[str, None] = {}
    for call, ends in moments(calls):
        if call.name == "sendto" and not ends:
            said += call.data.decode().splitlines()
        if not (drive.ends(call) if ends else drive.begins(call)):
            continue
        heads |= dict.fromkeys(seen.decode() for seen in drive.named("checkpoint"))
        yield Cut(call, {how: drive.left(how, chance) for how in HOW}, [*said], [*heads])
