"""Targets: a model at a provider, with what it takes over from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from msgspec import structs

from tracegate.config import schema
from tracegate.config.draft import Draft
from tracegate.config.inherit import Inherited, inherit
from tracegate.config.model import DEFAULT, Origin, Provider, TargetSettings
from tracegate.config.nearest import did_you_mean, listed
from tracegate.config.price_lists import history
from tracegate.config.problems import Path, Wrong
from tracegate.config.providers import outgoing_headers, region_notes
from tracegate.config.validate import validate
from tracegate.config.values import shown, text
from tracegate.facts import Target

_OWN = frozenset({"model", "messages", "stream"})  # request fields that are not for `body`
_INHERITED = ("region", "headers", "propagate", "via")


def target(draft: Draft, id: str, providers: Mapping[str, Provider | None]) -> TargetSettings | None:
    """One target of the section `targets`; `None` when it, or its provider, has problems."""
    path: Path = ("targets", id)
    node = draft.root.get(path)
    if node is not None and isinstance(node.value, str):
        return on_the_spot(draft, path, node.value, id, providers)
    if node is not None and not isinstance(node.value, dict):
        draft.wrong(path, f"{shown(node.plain())} is not a target", "write `provider/model` or a map.")
        return None
    before = len(draft.problems)
    written = validate(draft, path, schema.Target)
    prices = history(draft, (*path, "price"))
    defaults, forced = _body(draft, (*path, "body"))
    if written is None:
        return None
    provider = _provider(draft, (*path, "provider"), written.provider, providers)
    if provider is None or len(draft.problems) > before:
        return None
    made = alone(draft, id, written.model, provider)
    if written.region is not None:
        region_notes(draft, path, written.region, provider.region_observed)
    settings = inherit(draft, _inherited(provider), path, written.timeouts, written.retry, "target")
    facts = replace(
        made.target,
        region=written.region or provider.region,
        context=written.context or made.target.context,
        headers=outgoing_headers(draft, path, written.headers, provider.auth, provider.headers),
        defaults=defaults,
        forced=forced,
        via=provider.via if written.via is None else written.via,
        propagate=provider.propagate if written.propagate is None else written.propagate == "traceparent",
        disabled=provider.disabled or written.disabled,
    )
    origins = {key: draft.origin((*path, key)) for key in written.model_fields_set - {"timeouts", "retry"}}
    return TargetSettings(
        facts, prices, settings.timeouts, settings.retry, {**made.origins, **settings.origins, **origins}
    )


def on_the_spot(
    draft: Draft, path: Path, name: str, id: str, providers: Mapping[str, Provider | None]
) -> TargetSettings | None:
    """The target that `provider/model` names, at a path; `None` when it has problems."""
    try:
        provider_id, slash, model = text(name).partition("/")
    except Wrong as exc:
        draft.refuse(path, exc)
        return None
    if not slash or not model:
        draft.wrong(path, f"`{name}` is not `provider/model`", "write a provider's id, a slash, and the model.")
        return None
    provider = _provider(draft, path, provider_id, providers)
    if provider is None:
        return None
    made = alone(draft, id, model, provider)
    here = draft.origin(path)
    return structs.replace(made, origins={**made.origins, "provider": here, "model": here})


def alone(draft: Draft, id: str, model: str, provider: Provider) -> TargetSettings:
    """A target that says nothing of its own: everything but its model is its provider's."""
    context = draft.known.context_of(provider.name, model)
    facts = replace(plain(id, model, provider), context=context)
    origins = {key: provider.origins.get(key, DEFAULT) for key in _INHERITED}
    origins["context"] = DEFAULT if context is None else Origin("data")
    return TargetSettings(facts, (), provider.timeouts, provider.retry, {**origins, **_inherited(provider).origins})


def plain(id: str, model: str, provider: Provider) -> Target:
    """A target of which only id and model are its own: the rest is its provider's, and its context is unknown."""
    return Target(
        id=id,
        provider=provider.id,
        provider_name=provider.name,
        model=model,
        dialect=provider.dialect,
        scheme=provider.scheme,
        host=provider.host,
        port=provider.port,
        path=provider.path,
        region=provider.region,
        region_observed=provider.region_observed,
        headers=provider.headers,
        via=provider.via,
        propagate=provider.propagate,
        usage_in_stream=provider.usage_in_stream,
        disabled=provider.disabled,
    )


def _inherited(provider: Provider) -> Inherited:
    origins = {key: origin for key, origin in provider.origins.items() if key.startswith(("timeouts.", "retry."))}
    return Inherited(provider.timeouts, provider.retry, origins)


def _provider(draft: Draft, path: Path, id: str, providers: Mapping[str, Provider | None]) -> Provider | None:
    if id not in providers:
        fix = f"{did_you_mean(id, providers)}Providers: {listed(sorted(providers))}."
        draft.wrong(path, f"unknown provider `{id}`", fix)
    return providers.get(id)


def _body(draft: Draft, path: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Request fields as JSON: those set where the client left them out, and those that are always set."""
    node = draft.root.get(path)
    if node is None:
        return {}, {}
    defaults = _fields(draft, path)
    force = node.map.get("force")
    defaults.pop("force", None)
    return defaults, {} if force is None else _fields(draft, (*path, "force"))


def _fields(draft: Draft, path: Path) -> dict[str, bytes]:
    node = draft.root.get(path)
    if node is None or not isinstance(node.value, dict):
        draft.wrong(path, "not a map", "write request fields: `{temperature: 0.2}`.")
        return {}
    read: dict[str, bytes] = {}
    for name, value in node.value.items():
        if name in _OWN:
            draft.wrong((*path, name), f"`{name}` can't be set here", "it is the client's, or the target's.", key=True)
        try:
            read[name] = _json(value.plain()).encode()
        except Wrong as exc:
            draft.refuse((*path, name), exc)
    return read


def _json(value: object) -> str:
    """JSON text; numbers as they were written."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_json(str(key))}:{_json(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json(part) for part in value) + "]"
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise Wrong(f"{shown(value)} is no number of JSON", "write a finite number.")
        return str(value)
    return json.dumps(value, ensure_ascii=False)
