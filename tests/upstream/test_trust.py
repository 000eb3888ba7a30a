"""The trust store of this system; those of files are tested with the transports that use them."""

from __future__ import annotations

import ssl

from tracegate.upstream.trust import system_trust


def test_the_system_trust_is_read_once() -> None:
    """It is large, and the same for all."""
    assert system_trust() is system_trust()
    assert system_trust().verify_mode == ssl.CERT_REQUIRED
    assert system_trust().check_hostname
