"""What holds in every test: no machine but this one, nothing of the developer's environment, repeatable draws."""

from __future__ import annotations

import fcntl
import gc
import ipaddress
import os
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from pytest_cov.engine import CovController  # type: ignore[import-untyped]  # pytest-cov brings no types
from xdist.remote import Producer  # type: ignore[import-untyped]  # xdist brings no types
from xdist.scheduler.loadfile import LoadFileScheduling  # type: ignore[import-untyped]  # xdist brings no types

# A key in the developer's shell would be served as a provider, an OTEL_* would send telemetry away, a proxy would
# stand between the tests and their own servers.
_FOREIGN = ("OTEL_", "TRACEGATE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def _forget_environment() -> None:
    for name in list(os.environ):
        if name.upper().startswith(_FOREIGN) or name.upper().endswith("_API_KEY"):
            del os.environ[name]


def _stay_at_home(event: str, args: tuple[object, ...]) -> None:
    """Refuse a connection that leaves the machine; an audit hook sees those of every library but uvloop."""
    if event != "socket.connect" or not isinstance(address := args[1], tuple):
        return
    if isinstance(host := address[0], str) and not _is_here(host):
        raise RuntimeError(f"a test tried to connect to {address}; tests talk to this machine only")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_forget_environment()
# Whoever started us in the background may have switched Ctrl-C off, and the processes that tests start inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.addaudithook(_stay_at_home)
# What is compiled is kept, whatever the shell says: hundreds of processes would compile the same again each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Repeatable by default, so that a red run stays red. HYPOTHESIS_PROFILE=explore draws anew each time.
# No deadline: how long one case takes is the machine's affair.
settings.register_profile("tracegate", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tracegate"))


# What shares something that there is once stays in one process; xdist knows of a test no more than its id.
TOGETHER = {
    "tests/examples/": "the examples, as they were run",
    "tests/stores/": "the stack",
    "tests/stack/test_commands.py": "usual ports",
    "tests/stack/test_standing.py": "usual ports",
}


class Together(LoadFileScheduling):  # type: ignore[misc]  # its base has no types
    """Deals out tests by file, but for those that stay together."""

    def _split_scope(self, nodeid: str) -> str:
        return next((what for where, what in TOGETHER.items() if nodeid.startswith(where)), nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    """See xdist's `newhooks`."""
    return Together(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Set apart what is imported: a test that collects garbage means its own, and not half a gigabyte of others'."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


# Traced line by line, most of it takes twice as long. The product as a whole is not traced: that each line and branch
# of a module runs is held by the room that mirrors it, and by what is quick in agreement/. `untraced` marks what is
# dear there and runs nothing that other tests don't.
WHOLE = ("bench", "dashboards", "differential", "examples", "house", "stores", "torture")


def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Trace nothing in the process that deals out, and hand on no wish to be traced: a worker begins that itself."""
    _pause(_tracer(config))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """End the tracer that pytest-cov began before it knew that this is a worker, and is about to begin again."""
    if _is_one_of_several():
        _pause(_tracer(session.config))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Trace a test, its fixtures and the processes that it starts, or nothing of them."""
    tracer = _tracer(item.config)
    whole = item.nodeid.startswith(tuple(f"tests/{room}/" for room in WHOLE))
    if whole or item.get_closest_marker("untraced"):
        if tracer is not None and tracer.started:
            _pause(tracer)
    elif tracer is not None and not tracer.started:
        tracer.resume()


def _tracer(config: pytest.Config) -> CovController | None:
    plugin = config.pluginmanager.get_plugin("_cov")
    return None if plugin is None else plugin.cov_controller


def _pause(tracer: CovController | None) -> None:
    if tracer is not None:
        tracer.pause()
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)  # by which what is started inherits it


@pytest.fixture(autouse=True, scope="module")
def _alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let a module that is marked `alone` wait until no other process tests, and others until it is done."""
    with ExitStack() as held:
        if request.node.get_closest_marker("alone") and _is_one_of_several():
            held.enter_context(_machine(tmp_path_factory.getbasetemp().parent, fcntl.LOCK_EX))
        yield


@pytest.fixture(autouse=True)
def _beside_others(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let every other test run beside those of the other processes."""
    with ExitStack() as held:
        if not request.node.get_closest_marker("alone") and _is_one_of_several():
            held.enter_context(_machine(tmp_path_factory.getbasetemp().parent, fcntl.LOCK_SH))
        yield


def _is_one_of_several() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


@contextmanager
def _machine(folder: Path, mode: int) -> Iterator[None]:
    """Hold the machine, alone or shared; whoever waits is in a queue of its own, so that no one waits for ever."""
    with (folder / "turn").open("w") as turn, (folder / "machine").open("w") as machine:
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(machine, mode)
        fcntl.flock(turn, fcntl.LOCK_UN)
        yield
