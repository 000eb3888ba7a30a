"""Lives without the cost of a start: `python -m tests.torture.forks` makes a process for each line of its input.

A line is FOLDER SOCKET. The process stops itself at once, so that whoever wants to can attach to it before it
goes on; its id is the answer. It inherits modules that are loaded, and nothing that was opened.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from pathlib import Path

from tests.torture.life import live


def main() -> None:
    """Fork until the input ends."""
    gc.freeze()
    while line := sys.stdin.readline():
        folder, to = line.split()
        process = os.fork()
        if process == 0:
            _child(Path(folder), Path(to))
        os.waitpid(process, os.WUNTRACED)
        os.write(1, f"{process}\n".encode())
        _buried()


def _child(folder: Path, to: Path) -> None:
    """Never returns: what comes behind it in this program is its parent's."""
    try:
        os.kill(os.getpid(), signal.SIGSTOP)
        live(folder, to)
    except BaseException:  # noqa: BLE001  # whatever it is, it must not come to the parent's loop
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _buried() -> None:
    """Forget those that have ended."""
    while os.waitpid(-1, os.WNOHANG) != (0, 0):
        pass


if __name__ == "__main__":
    main()
