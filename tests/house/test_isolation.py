"""What tests/conftest.py promises of every test."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from tracegate.plugin.instrumented import CONVENTIONS


@pytest.mark.parametrize("address", [("192.0.2.1", 9), ("198.51.100.1", 9)])
def test_no_test_talks_to_another_machine(address: tuple[str, int]) -> None:
    """A connection that leaves the machine is refused. (Over UDP, where connecting sends nothing.)"""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        pytest.raises(RuntimeError, match="this machine only"),
    ):
        udp.connect(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tests_may_talk_to_this_machine(host: str) -> None:
    """The servers that tests start are on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect((host, 9))
        assert udp.getpeername() == ("127.0.0.1", 9)


def test_nothing_of_the_developers_shell_reaches_a_test() -> None:
    """A key or an endpoint in the environment would change what the gateway does."""
    ours = {CONVENTIONS}  # set by the plugin itself, where a test before this one used it
    assert [name for name in set(os.environ) - ours if name.startswith("OTEL_") or name.endswith("_API_KEY")] == []


def test_what_is_not_to_be_traced_is_not() -> None:
    """In a process of xdist neither, where one tracer would lie above others; nor what is started here."""
    assert sys.gettrace() is None
    assert "COVERAGE_PROCESS_CONFIG" not in os.environ


def test_what_is_compiled_is_kept() -> None:
    """Whatever the shell says: each process that is started would compile all of it again."""
    assert not sys.dont_write_bytecode
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
