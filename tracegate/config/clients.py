"""Clients' keys and their tenants: who may call, and which names each may select."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta

from tracegate.config import schema
from tracegate.config.draft import Draft
from tracegate.config.model import ClientKey, Tenant
from tracegate.config.nearest import did_you_mean, listed
from tracegate.config.problems import Path, Wrong
from tracegate.config.sections import entries
from tracegate.config.validate import validate
from tracegate.config.values import identifier

SHORTEST = 16  # characters of a key that may be used over a network
_HASH = re.compile(r"sha256:[0-9a-fA-F]{64}")


def keys(draft: Draft, names: Collection[str], providers: Collection[str], *, loopback: bool) -> dict[str, ClientKey]:
    """The section `keys`.

    Args:
        draft: The document.
        names: Of routes and targets.
        providers: Ids, for `provider/*`.
        loopback: The server listens on loopback, where a short key is only warned of.
    """
    found: dict[str, ClientKey] = {}
    digests: dict[bytes, str] = {}
    allowed = _Names(draft, names, providers)
    for id in entries(draft, "keys"):
        path: Path = ("keys", id)
        written = validate(draft, path, schema.Key)
        if written is None:
            continue
        digest, short = _digest(draft, path, written, loopback=loopback)
        try:
            identifier(written.tenant)
        except Wrong as exc:
            draft.refuse((*path, "tenant"), exc)
        allowed.check((*path, "routes"), written.routes)
        if digest is None:
            continue
        other = digests.setdefault(digest, id)
        if other != id:
            draft.wrong(path, f"the same key as `{other}`", "give each its own: a key says who calls.")
        expires = None
        if written.expires is not None:
            end = datetime.combine(written.expires + timedelta(days=1), time(), UTC)
            expires = int(end.timestamp()) * 10**9
        found[id] = ClientKey(id, digest, written.tenant, written.routes, expires, written.disabled, short)
    return found


def tenants(draft: Draft, names: Collection[str], providers: Collection[str]) -> dict[str, Tenant]:
    """The section `tenants`."""
    found: dict[str, Tenant] = {}
    allowed = _Names(draft, names, providers)
    for id in entries(draft, "tenants"):
        written = validate(draft, ("tenants", id), schema.Tenant)
        if written is not None:
            allowed.check(("tenants", id, "routes"), written.routes)
            found[id] = Tenant(id, written.inbound, written.routes)
    return found


def _digest(draft: Draft, path: Path, written: schema.Key, *, loopback: bool) -> tuple[bytes | None, bool]:
    """SHA-256 of the key, and whether the key is short; only the digest is kept."""
    here, key = (*path, "key"), written.key
    if written.hash is not None and key is None:
        if _HASH.fullmatch(written.hash):
            return bytes.fromhex(written.hash.partition(":")[2]), False
        # What was written is not shown: it may be the key itself.
        draft.wrong((*path, "hash"), "not a hash", "write `sha256:` and 64 hex digits; `tracegate key` prints it.")
        return None, False
    if key is None or written.hash is not None:
        what = "neither `key` nor `hash`" if key is None else "both `key` and `hash`"
        draft.wrong(path, what, "write one of them; `tracegate key` makes a random key and prints both.")
        return None, False
    if not key.value.isascii() or not key.value.isprintable() or key.value != key.value.strip():
        draft.wrong(here, "the key has characters that can't be sent", "use printable ASCII; see `tracegate key`.")
        return None, False
    if key.source == "literal":
        ways = "use `hash`, `${VAR}`, `{env: VAR}` or `{file: PATH}`"
        draft.note("warning", here, f"the key is written out here; {ways}")
    short = len(key.value) < SHORTEST
    if short and not loopback:
        draft.wrong(here, f"the key has less than {SHORTEST} characters", "make a random one with `tracegate key`.")
    elif short:
        draft.note("warning", here, f"the key has less than {SHORTEST} characters: allowed on loopback only")
    return hashlib.sha256(key.value.encode()).digest(), short


class _Names:
    """Which names a list of `routes` may have; each list is checked once, however many keys have it."""

    def __init__(self, draft: Draft, names: Collection[str], providers: Collection[str]) -> None:
        self._draft = draft
        self._names = names
        self._providers = providers
        self._right: set[tuple[str, ...]] = {("*",)}

    def check(self, path: Path, written: tuple[str, ...]) -> None:
        if written in self._right:
            return
        wrong = False
        for index, name in enumerate(written):
            if name == "*" or name in self._names or (name.endswith("/*") and name[:-2] in self._providers):
                continue
            wrong = True
            known = [*self._names, *(f"{id}/*" for id in self._providers)]
            fix = f"{did_you_mean(name, known)}Routes and targets: {listed(sorted(self._names))}. Or `provider/*`, `*`."
            self._draft.wrong((*path, index), f"unknown name `{name}`", fix)
        if not wrong:
            self._right.add(written)
