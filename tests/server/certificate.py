"""A certificate for `localhost`, made once by the machine's own tool."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from functools import cache
from pathlib import Path


@cache
def certificate() -> tuple[str, str]:
    """Paths of a certificate and its key, both PEM, valid for a day."""
    folder = Path(tempfile.mkdtemp(prefix="tracegate-test-"))
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made = ["openssl", "req", "-x509", *curve, "-days", "1", *names, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True)
    return str(cert), str(key)


def trusting() -> ssl.SSLContext:
    """What a client needs to believe it."""
    return ssl.create_default_context(cafile=certificate()[0])
