"""Where the server listens, and the rule that an open address needs keys."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from tracegate.config import schema
from tracegate.config.draft import Draft
from tracegate.config.hosts import address, is_loopback
from tracegate.config.model import Config, Listen, ServerTls
from tracegate.config.problems import Wrong
from tracegate.config.validate import validate
from tracegate.errors import ConfigError

_FIX = "add `keys`, listen on 127.0.0.1, or write `without_keys: true` if something in front checks callers."


def listen(draft: Draft, keys: Collection[str]) -> Listen:
    """The section `listen`; `keys` are the ids of all keys."""
    written = validate(draft, ("listen",), schema.Listen)
    if written is None:
        return Listen()
    try:
        host, port = address(written.address)
    except Wrong as exc:
        draft.refuse(("listen", "address"), exc)
        return Listen()
    if not keys and not written.without_keys and not is_loopback(host):
        what = f"{written.address} is open to the network and there are no `keys`"
        draft.wrong(("listen", "address"), what, _FIX)
    tls = None if written.tls is None else ServerTls(written.tls.cert, written.tls.key)
    return Listen(host, port, tls, written.without_keys)


def moved(config: Config, host: str | None, port: int | None) -> Config:
    """The configuration with another address, as `--host` and `--port` say it.

    Raises:
        ConfigError: The address is open to the network, and there are no keys, or short ones.
    """
    listen = config.listen
    listen = replace(listen, host=host or listen.host, port=listen.port if port is None else port)
    if not is_loopback(listen.host):
        what = f"{listen.host}:{listen.port} is open to the network and "
        if not config.keys and not listen.without_keys:
            raise ConfigError(f"{what}there are no `keys`\n    {_FIX}")
        short = [key.id for key in config.keys.values() if key.short]
        if short:
            what += f"`keys.{short[0]}` has less than 16 characters"
            raise ConfigError(f"{what}\n    make a random one with `tracegate key`.")
    return replace(config, listen=listen)
