"""Providers: a built-in row, and what the file says over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from tracegate.config import schema
from tracegate.config.draft import Draft
from tracegate.config.fields import token
from tracegate.config.hosts import Url, stays_private, url
from tracegate.config.inherit import Inherited, inherit
from tracegate.config.model import DEFAULT, Auth, ClientTls, Origin, Pool, Provider
from tracegate.config.nearest import did_you_mean, listed, ranked
from tracegate.config.problems import Path, Wrong
from tracegate.config.secret import Secret, names_credential
from tracegate.config.validate import validate
from tracegate.config.values import shown
from tracegate.config.variables import missing
from tracegate.dialects.rows import Row

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields that speak of one connection (RFC 9110, section 7.6.1)."""

_FORBIDDEN = HOP_BY_HOP | {"authorization", "host", "content-length"}
_OURS = {"traceparent": "propagate", "tracestate": "propagate", "baggage": "propagate", "via": "via"}
_LITERAL = "the key is written out here; use `${VAR}`, `{env: VAR}` or `{file: PATH}`"
_URL = "https://api.example.com/v1"


def provider(draft: Draft, id: str, above: Inherited) -> Provider | None:
    """One provider, resolved; `None` when it has problems, which are added."""
    path: Path = ("providers", id)
    before = len(draft.problems)
    written = validate(draft, path, schema.Provider)
    if written is None:
        return None
    row = _row(draft, path, written.row or id, named=written.row is not None)
    base, base_origin = _base_url(draft, path, written, row)
    key, key_origin = _key(draft, path, written, row)
    auth = _auth(draft, path, written.auth if written.auth is not None else row.auth if row else "bearer")
    proxy = _proxy(draft, path, written.proxy)
    _checks(draft, path, written, base)
    name = written.name or (row.name if row else id)
    dialect = written.dialect or (row.dialect if row else None)
    if dialect is None:
        if written.row is None:
            draft.wrong(path, "`dialect` is missing", f"write it, or name a `row`. Dialects: {_dialects(draft)}.")
    elif dialect not in draft.known.dialects:
        draft.wrong((*path, "dialect"), f"unknown dialect `{dialect}`", f"allowed: {_dialects(draft)}.")
    headers = outgoing_headers(draft, path, written.headers, auth)
    if base is None or dialect is None or len(draft.problems) > before:
        return None
    observed = draft.known.region_of_host(name, base.host)
    region_notes(draft, path, written.region, observed)
    settings = inherit(draft, above, path, written.timeouts, written.retry, "provider")
    tls = written.tls
    usage = written.usage_in_stream
    return Provider(
        id=id,
        name=name,
        row=row.id if row else None,
        dialect=dialect,
        scheme=base.scheme,
        host=base.host,
        port=base.port,
        path=base.path,
        key=key,
        auth=auth,
        region=written.region,
        region_observed=observed,
        headers=headers,
        propagate=written.propagate == "traceparent",
        via=written.via,
        usage_in_stream=usage == "ask" if usage else row.usage_in_stream if row else True,
        transport=written.transport,
        proxy=proxy,
        tls=None if tls is None else ClientTls(tls.ca, tls.cert, draft.keep(tls.key)),
        pool=Pool(written.pool.connections, written.pool.idle, written.pool.waiting),
        instrument=written.instrument,
        disabled=written.disabled,
        timeouts=settings.timeouts,
        retry=settings.retry,
        origins={**_origins(draft, path, written, row), **settings.origins, "base_url": base_origin, "key": key_origin},
    )


def _dialects(draft: Draft) -> str:
    return listed(sorted(draft.known.dialects))


def _row(draft: Draft, path: Path, name: str, *, named: bool) -> Row | None:
    row = draft.known.rows.get(name)
    if row is None and named:
        known = listed(ranked(name, draft.known.rows))
        draft.wrong((*path, "row"), f"unknown row `{name}`", f"{did_you_mean(name, draft.known.rows)}Rows: {known}.")
    return row


def _base_url(draft: Draft, path: Path, written: schema.Provider, row: Row | None) -> tuple[Url | None, Origin]:
    """Where the API is: of the file, of the row's variable, of the row."""
    here: Path = (*path, "base_url")
    variable = row.base_url_variable if row else None
    if written.base_url is not None:
        try:
            return _safe(url(written.base_url, _URL)), draft.origin(here)
        except Wrong as exc:
            draft.refuse(here, exc)
    elif variable is not None and draft.env.get(variable):
        try:
            return _safe(url(draft.env[variable], _URL)), Origin("env", variable)
        except Wrong as exc:
            draft.wrong_variable(variable, exc.what, exc.fix)
    elif row is not None and row.base_url is not None:
        return url(row.base_url, _URL), Origin("row", row.id)
    elif row is not None or written.row is None:
        rows = "" if row is not None else f" Rows: {listed(ranked(str(path[-1]), draft.known.rows))}."
        why = f"every account of `{row.id}` has its own" if row else "it is no built-in row, and names none as `row`"
        draft.wrong(path, f"`base_url` is missing: {why}", f"write a URL such as `{_URL}`.{rows}")
    return None, DEFAULT


def _safe(base: Url) -> Url:
    if base.scheme == "http" and not stays_private(base.host):
        raise Wrong(
            f"`{base}` would send keys and prompts in clear text",
            "write `https://`; `http://` is allowed to loopback and private addresses only.",
        )
    return base


def _key(draft: Draft, path: Path, written: schema.Provider, row: Row | None) -> tuple[Secret | None, Origin]:
    """The credential: of the file, or of the row's variable."""
    here: Path = (*path, "key")
    key, origin = written.key, DEFAULT
    if "key" in written.model_fields_set:
        origin = draft.origin(here)
    elif row is not None and row.key is not None:
        origin = Origin("env", row.key)
        if draft.env.get(row.key):
            key = Secret(draft.env[row.key], "env", row.key)
        elif not written.disabled:
            wrong = missing(row.key, draft.env, secret=True)
            draft.wrong(here, wrong.what, f"set it, or write `key: …` (`none` sends no credentials).{_alike(wrong)}")
    elif row is None:
        draft.note("note", path, "no `key`: no credentials are sent; `key: none` says so")
    if key is not None:
        if not key.value.isascii() or not key.value.isprintable() or " " in key.value:
            draft.wrong(here, "the key has blanks or characters that can't be sent", "look at how it was copied.")
        if key.source == "literal":
            draft.note("warning", here, _LITERAL)
    return draft.keep(key), origin


def _alike(wrong: Wrong) -> str:
    return wrong.fix[wrong.fix.index(" Set and similar") :] if " Set and similar" in wrong.fix else ""


def _auth(draft: Draft, path: Path, value: object) -> Auth:
    """`bearer` or `header:NAME`."""
    here: Path = (*path, "auth")
    if isinstance(value, dict) and {"aws", "google", "entra"} & value.keys():
        draft.wrong(here, "credentials beyond keys are not in this version", "write `bearer` or `header:NAME`.")
    elif isinstance(value, str) and value.startswith("header:"):
        try:
            name = token(value.removeprefix("header:")).lower()
        except Wrong as exc:
            draft.refuse(here, exc)
            return Auth()
        if name not in _FORBIDDEN - {"authorization"} | _OURS.keys():
            return Auth(name, "")
        draft.wrong(here, f"`{name}` can't carry a key", "write the header that the provider's documents name.")
    elif value != "bearer":
        draft.wrong(here, f"{shown(value)} is not allowed here", "write `bearer` or `header:NAME`; never in a query.")
    return Auth()


def _proxy(draft: Draft, path: Path, value: str) -> Literal["env", "none"] | Secret:
    if value == "env":
        return "env"
    if value == "none":
        return "none"
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable:  # the value is not shown: it may hold credentials
        draft.wrong((*path, "proxy"), "not a proxy", "write `http://host:port`, `env` or `none`.")
    if parts.password:
        draft.keep(Secret(parts.password, "literal"))
    return Secret(value, "literal", f"{parts.scheme}://{parts.hostname}")


def _checks(draft: Draft, path: Path, written: schema.Provider, base: Url | None) -> None:
    """What holds between the keys of one provider."""
    transports = {"auto", *draft.known.transports}
    if written.transport not in transports:
        what = f"unknown transport `{written.transport}`"
        fix = f"{did_you_mean(written.transport, transports)}Allowed: {listed(sorted(transports))}."
        draft.wrong((*path, "transport"), what, fix)
    if written.transport == "fast" and written.proxy not in ("env", "none"):
        draft.wrong((*path, "proxy"), "the transport `fast` knows no proxies", "write `transport: httpx` or `auto`.")
    if written.instrument and written.transport != "httpx":
        draft.wrong((*path, "instrument"), "`instrument` needs `transport: httpx`", "write it beside `instrument`.")
    tls = written.tls
    if tls is not None and (tls.cert is None) != (tls.key is None):
        draft.wrong((*path, "tls"), "a client certificate needs `cert` and `key`", "write both, or neither.")
    if tls is not None and base is not None and base.scheme == "http":
        draft.wrong((*path, "tls"), "`tls` has no effect on `http://`", "write `https://`, or take it out.")
    if tls is not None and tls.key is not None and tls.key.source == "literal":
        draft.note("warning", (*path, "tls", "key"), _LITERAL)


def outgoing_headers(
    draft: Draft, path: Path, written: Mapping[str, str], auth: Auth, above: tuple[tuple[str, str], ...] = ()
) -> tuple[tuple[str, str], ...]:
    """The fields added to each request, in lower case, over those of `above`."""
    fields = dict(above)
    own: set[str] = set()
    for name, value in written.items():
        here, lower = (*path, "headers", name), name.lower()
        if lower in _FORBIDDEN or lower == auth.header:
            fix = "take it out; a key stands under `key`, its header under `auth`."
            draft.wrong(here, f"`{lower}` is not for `headers`", fix, key=True)
        elif lower in _OURS:
            draft.wrong(here, f"`{lower}` is not for `headers`", f"see the key `{_OURS[lower]}`.", key=True)
        elif lower in own:
            draft.wrong(
                here, f"`{lower}` stands here twice", "field names are alike in any case; take one out.", key=True
            )
        elif names_credential(lower):
            draft.keep(Secret(value, "literal", lower))
        own.add(lower)
        fields[lower] = value
    return tuple(fields.items())


def region_notes(draft: Draft, path: Path, configured: str | None, observed: str | None) -> None:
    """Say what the host name proves, where the configuration says nothing or something else (ruling 2)."""
    if observed is None or observed == configured:
        return
    if configured is None:
        draft.note("note", path, f"no `region`; its host proves `{observed}` (observed)")
    else:
        text = f"`{configured}` is configured, but the host proves `{observed}`: observed wins, each attempt says so"
        draft.note("warning", (*path, "region"), text)


def _origins(draft: Draft, path: Path, written: schema.Provider, row: Row | None) -> dict[str, Origin]:
    """Where each key came from."""
    of_row = {"name", "dialect", "auth", "usage_in_stream"} if row else set()
    return {
        key: draft.origin((*path, key))
        if key in written.model_fields_set
        else Origin("row", row.id)
        if row and key in of_row
        else DEFAULT
        for key in schema.Provider.fields()
        if key not in ("timeouts", "retry")
    }
