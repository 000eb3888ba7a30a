"""Client keys: random text for the client, a digest for the configuration."""

from __future__ import annotations

import base64
import hashlib

PREFIX = "tg-key-"
"""Marks a key as ours, so that secret scanners can be taught to find it."""


def new_key(entropy: bytes) -> tuple[str, str]:
    """A key and the `sha256:…` that stands for it.

    Args:
        entropy: At least 32 random bytes.

    Raises:
        ValueError: If there are fewer.
    """
    if len(entropy) < 32:
        raise ValueError(f"a key needs 32 random bytes, got {len(entropy)}")
    secret = PREFIX + base64.urlsafe_b64encode(entropy).rstrip(b"=").decode()
    return secret, "sha256:" + hashlib.sha256(secret.encode()).hexdigest()
