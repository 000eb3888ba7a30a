"""Whom we believe at the other end of TLS, and what we show where we are asked. Verified always; there is no switch."""

from __future__ import annotations

import functools
import ssl
import tempfile

from tracegate.upstream.origin import TransportSettings


def trust(settings: TransportSettings) -> ssl.SSLContext:
    """What is trusted, and what we show where we are asked.

    Raises:
        ValueError: A certificate or its key can't be used; the text says which.
    """
    if settings.ca is None and settings.cert is None:
        return system_trust()
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except OSError as exc:  # those of `ssl` are of its kind
        raise ValueError(f"`tls.ca`: `{settings.ca}` is no file of certificates in PEM form ({exc})") from exc
    if settings.cert is not None:
        try:
            _load(context, settings.cert, settings.key)
        except OSError as exc:
            what = f"`{settings.cert}` is no certificate in PEM form that the key belongs to"
            raise ValueError(f"`tls.cert`, `tls.key`: {what} ({exc})") from exc
    return context


@functools.cache  # reading the system's takes 30 ms; all providers share it
def system_trust() -> ssl.SSLContext:
    """The trust store of this system, read once."""
    return ssl.create_default_context()


def _load(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    """Load a certificate, and its key if that is not in the same file. An encrypted key fails, instead of asking."""
    if key is None:
        context.load_cert_chain(cert, password="")
        return
    # The ssl module reads keys from files only; this one can be read by us alone, and is gone at once.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(key)
        file.flush()
        context.load_cert_chain(cert, file.name, password="")
