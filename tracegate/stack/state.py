"""The state file: what runs, where, and since when; enough to end it, and written whenever that changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tracegate.stack.parts import StackError
from tracegate.stack.process import Process

NAME = "stack.json"


@dataclass(frozen=True, slots=True)
class State:
    """What the state file says.

    Args:
        ports: Port by name, as `ports.USUAL` names them.
        processes: What was started, by server, in that order.
    """

    ports: Mapping[str, int]
    processes: Mapping[str, Process]

    def alive(self) -> list[str]:
        """The servers that still run."""
        return [name for name, process in self.processes.items() if process.alive()]


def write(folder: Path, state: State) -> None:
    """Write the state file of a folder; it is there whole or as it was."""
    text = json.dumps(
        {
            "ports": dict(state.ports),
            "processes": {name: {"pid": one.pid, "birth": one.birth} for name, one in state.processes.items()},
        },
        indent=1,
    )
    new = folder / f"{NAME}.new"
    new.write_text(text + "\n", "utf-8")
    new.replace(folder / NAME)


def read(folder: Path) -> State | None:
    """Read the state file of a folder, `None` where there is none.

    Raises:
        StackError: It is not one of ours.
    """
    path = folder / NAME
    try:
        told = json.loads(path.read_text("utf-8"))
        return State(
            {str(name): int(port) for name, port in told["ports"].items()},
            {str(name): Process(int(one["pid"]), str(one["birth"])) for name, one in told["processes"].items()},
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise StackError(f"`{path}` is no state file of a stack ({exc!r}); remove it and end what it named") from exc
