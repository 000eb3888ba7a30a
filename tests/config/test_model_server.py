"""The configuration of the server."""

from __future__ import annotations

from tracegate.config.model_server import ClientKey, Limits, Listen, ResponseHeaders, Tenant


def test_the_defaults_are_those_of_the_reference() -> None:
    """Sections 8 and 9."""
    assert (Listen().host, Listen().port, Listen().tls, Listen().without_keys) == ("127.0.0.1", 4000, None, False)
    limits = Limits()
    assert (limits.body, limits.header, limits.requests, limits.attempts) == (32_000_000, 32_000, 2000, 12)
    headers = ResponseHeaders()
    assert (headers.detail, headers.traceresponse, headers.comments, headers.cors) == ("full", True, True, ())
    assert (Tenant("a").inbound, Tenant("a").routes) == (None, ("*",))


def test_a_key_does_not_show_its_digest() -> None:
    """It would let short keys be guessed from a log."""
    assert "\\x01" not in repr(ClientKey("a", b"\x01" * 32, "t", ("*",), None, False))
