"""What goes wrong below HTTP; what the adapters make of it is tested with them."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from tracegate.errors import TimedOut
from tracegate.upstream.faults import (
    SHOWN,
    causes,
    cut_off,
    head_too_large,
    terminated,
    tls_or_name,
    too_late,
    unconnected,
    unfit,
    words,
)


def of_tls(reason: str) -> ssl.SSLError:
    """What the ssl module raises."""
    exc = ssl.SSLError(1, "of tls")
    exc.reason = reason
    return exc


@pytest.mark.parametrize(
    ("exc", "token"),
    [
        (ssl.SSLCertVerificationError(1, "expired"), "tls_certificate_error"),
        (of_tls("TLSV1_ALERT_UNKNOWN_CA"), "tls_alert_received"),
        (of_tls("WRONG_VERSION_NUMBER"), "tls_protocol_error"),
        (socket.gaierror(-2, "unknown"), "dns_error"),
    ],
)
def test_tls_and_the_resolver_say_what_was_wrong(exc: Exception, token: str) -> None:
    """Also as the cause of something else."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        exc.verify_message = "expired"
    failure = tls_or_name([OSError(), exc])
    assert failure is not None
    assert (failure.class_, failure.token) == ("connection", token)


def test_an_end_within_tls_is_no_fault_of_tls() -> None:
    """It is an end like any other."""
    assert tls_or_name([ssl.SSLEOFError(8, "eof"), ConnectionResetError()]) is None


def test_of_several_addresses_the_one_that_tells_most_decides() -> None:
    """Refused, too late, no route, the handshake, anything else."""
    no_route = OSError(errno.ENETUNREACH, "no route")
    found: list[BaseException] = [OSError("odd")]
    assert unconnected(found, "connect").token == "connection_refused"
    assert unconnected(found, "tls").token == "tls_protocol_error"
    assert unconnected([*found, no_route], "tls").token == "destination_ip_unroutable"
    late = unconnected([*found, no_route, TimeoutError()], "connect")
    assert isinstance(late, TimedOut)
    assert late.limit == "connect"
    refused = unconnected([*found, TimeoutError(), ConnectionRefusedError()], "connect")
    assert refused.message == "The provider refused the connection."


def test_an_end_before_the_head_has_one_name() -> None:
    """Ruling 48."""
    assert (terminated().class_, terminated().token) == ("connection", "connection_terminated")


def test_what_both_transports_say_of_http_has_one_name() -> None:
    """Tokens of RFC 9209."""
    assert (cut_off().class_, cut_off().token) == ("broken_answer", "http_response_incomplete")
    assert head_too_large().token == "http_response_header_section_size"
    assert (too_late("deadline").limit, "`deadline`" in too_late("deadline").message) == ("deadline", True)
    assert (unfit("why").class_, unfit("why").token) == ("invalid_request", "http_request_error")


def test_causes_that_go_round_in_a_circle_end() -> None:
    """Groups are looked into."""
    one, two = OSError("one"), OSError("two")
    one.__context__, two.__cause__ = two, one
    assert set(causes(one)) == {one, two}
    group = ExceptionGroup("both", [one])
    assert set(causes(group)) == {group, one, two}


def test_the_words_of_a_library_are_shown_in_part() -> None:
    """And its name where it has none."""
    assert words(OSError("x" * 999)) == "x" * SHOWN
    assert words(TimeoutError()) == "TimeoutError"
