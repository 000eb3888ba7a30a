"""Telemetry: a key in the file wins over `OTEL_*`, which wins over the default.

Also decided here, and said why: which renderer runs. Source: section 10 of the configuration's reference.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal, TypeVar, get_args

from tracegate.config import otel_environment as otel
from tracegate.config import schema
from tracegate.config.draft import Draft
from tracegate.config.hosts import url
from tracegate.config.model import DEFAULT, Origin, Otlp, Renderer, Telemetry
from tracegate.config.otel_environment import SIGNALS, Signal
from tracegate.config.problems import Path, Wrong
from tracegate.config.secret import Secret
from tracegate.config.validate import validate

T = TypeVar("T")
_PATH: Path = ("telemetry",)
_OTLP: Path = (*_PATH, "otlp")
_Protocol = Literal["http/protobuf", "grpc"]
_URL = "http://localhost:4318"
_INTERVAL_NS = 15_000_000_000
_TIMEOUT_NS = 10_000_000_000


def telemetry(draft: Draft, instrumented: Collection[str]) -> Telemetry:
    """The section `telemetry`, over the environment; `instrumented` are ids of providers with `instrument`."""
    written = validate(draft, _PATH, schema.Telemetry) or schema.Telemetry()
    return _Reading(draft, written).telemetry(instrumented)


def exporter(draft: Draft, path: Path, written: schema.Otlp) -> Otlp | None:
    """An exporter of logs that the environment has no say in; `None` where it has problems, which are added."""
    return _Reading(draft, schema.Telemetry())._otlp("logs", written, path, {})


class _Reading:
    def __init__(self, draft: Draft, written: schema.Telemetry) -> None:
        self._draft = draft
        self._written = written
        self._origins: dict[str, Origin] = {
            key: draft.origin((*_PATH, key)) if key in written.model_fields_set else DEFAULT
            for key in schema.Telemetry.fields()
        }

    def telemetry(self, instrumented: Collection[str]) -> Telemetry:
        written, draft, env = self._written, self._draft, self._draft.env
        exporters = otel.exporters(env)
        signals = {signal: self._signal(signal, exporters) for signal in SIGNALS}
        content = written.content == "events"
        if content and written.content_otlp is None:
            fix = "write `content_otlp: URL`: prompts and answers have an end of their own."
            draft.wrong((*_PATH, "content"), "`content: events` needs `content_otlp`", fix)
        elif written.content_otlp is not None and not content:
            fix = "write `content: events` beside it, or take it out."
            draft.wrong((*_PATH, "content_otlp"), "has no effect without `content: events`", fix, key=True)
        content_otlp = exporter(draft, (*_PATH, "content_otlp"), written.content_otlp) if written.content_otlp else None
        renderer, why = self._renderer(exporters, signals, instrumented)
        unread = otel.unread(env) if renderer == "direct" else ()
        if unread:
            draft.note("warning", _PATH, f"not read: {', '.join(unread)}; that needs `renderer: sdk`")
        resource = self._resource()
        return Telemetry(
            traces=signals["traces"],
            metrics=signals["metrics"],
            logs=signals["logs"],
            metrics_every_ns=self._metrics_every(),
            renderer=renderer,
            renderer_why=why,
            inbound=written.inbound,
            service=self._service(resource),
            resource=tuple(resource.items()),
            content=content,
            content_otlp=content_otlp,
            queue=written.queue,
            shutdown_ns=written.shutdown,
            disabled=otel.disabled(env),
            value_limit=self._variable("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", otel.value_limit, None),
            unread=unread,
            origins=self._origins,
        )

    def _signal(self, signal: Signal, exporters: Mapping[Signal, str]) -> Otlp | None:
        """Where a signal goes, `None` where it is off."""
        written = self._written
        on: bool | None = getattr(written, signal)
        if on is None:
            on = exporters.get(signal) != "none"
            if not on:
                self._origins[signal] = Origin("env", f"OTEL_{signal.upper()}_EXPORTER")
        if not on or (written.otlp is not None and written.otlp.endpoint == "none"):
            return None
        return self._otlp(signal, written.otlp or schema.Otlp(), _OTLP, self._draft.env)

    def _otlp(self, signal: Signal, written: schema.Otlp, here: Path, env: Mapping[str, str]) -> Otlp | None:
        """One signal's exporter: what is written, then the signal's variables, then the common ones."""
        protocol = written.protocol or self._protocol(signal, env)
        endpoint, origin = self._endpoint(signal, written, here, protocol, env)
        if here == _OTLP:
            self._origins[f"otlp.{signal}"] = origin
        if (written.cert is None) != (written.key is None):
            self._draft.wrong(here, "a client certificate needs `cert` and `key`", "write both, or neither.")
        headers: Mapping[str, Secret] = written.headers or {}
        name = otel.otlp_variable(env, signal, "HEADERS")
        if written.headers is None and name is not None:
            read: dict[str, str] = self._variable(name, otel.pairs, {})
            headers = {header: Secret(value, "env", name) for header, value in read.items()}
        for secret in headers.values():
            self._draft.keep(secret)
        compression = written.compression or self._choice(signal, "COMPRESSION", env, ("none", "gzip"))
        name = otel.otlp_variable(env, signal, "TIMEOUT")
        timeout = written.timeout
        if timeout is None:
            timeout = _TIMEOUT_NS if name is None else self._variable(name, otel.milliseconds, _TIMEOUT_NS)
            if name is not None and timeout < 100_000_000:
                text = f"{name} is in milliseconds: {timeout // 10**6} ms is short for an export"
                self._draft.note("warning", _PATH, text)
        return (
            None
            if endpoint is None
            else Otlp(
                endpoint=endpoint,
                protocol=protocol,
                headers=tuple((header.lower(), secret) for header, secret in headers.items()),
                compression="gzip" if compression == "gzip" else "none",
                timeout_ns=timeout,
                ca=written.ca or self._text(signal, "CERTIFICATE", env),
                cert=written.cert or self._text(signal, "CLIENT_CERTIFICATE", env),
                key=written.key or self._text(signal, "CLIENT_KEY", env),
            )
        )

    def _endpoint(
        self, signal: Signal, written: schema.Otlp, here: Path, protocol: _Protocol, env: Mapping[str, str]
    ) -> tuple[str | None, Origin]:
        suffix = f"/v1/{signal}" if protocol == "http/protobuf" else ""
        if written.endpoint is not None:
            at: Path = (*here, "endpoint")
            try:
                base = url(written.endpoint, _URL)
                if base.path.endswith(("/v1/traces", "/v1/metrics", "/v1/logs")):
                    raise Wrong("the path of one signal", f"write the base, such as `{_URL}`; `/v1/…` is added.")
                return f"{base}{suffix}", self._draft.origin(at)
            except Wrong as exc:
                self._draft.refuse(at, exc)
                return None, DEFAULT
        name = otel.otlp_variable(env, signal, "ENDPOINT")
        if name is None:
            return f"http://localhost:{4318 if suffix else 4317}{suffix}", DEFAULT
        try:
            base = url(env[name], _URL)
        except Wrong as exc:
            self._draft.wrong_variable(name, exc.what, exc.fix)
            return None, DEFAULT
        own = name != "OTEL_EXPORTER_OTLP_ENDPOINT"  # a signal's own endpoint is used as it is
        return f"{base}{'' if own else suffix}", Origin("env", name)

    def _protocol(self, signal: Signal, env: Mapping[str, str]) -> _Protocol:
        return "grpc" if self._choice(signal, "PROTOCOL", env, get_args(_Protocol)) == "grpc" else "http/protobuf"

    def _text(self, signal: Signal, key: str, env: Mapping[str, str]) -> str | None:
        name = otel.otlp_variable(env, signal, key)
        return None if name is None else env[name]

    def _choice(self, signal: Signal, key: str, env: Mapping[str, str], allowed: tuple[str, ...]) -> str | None:
        name = otel.otlp_variable(env, signal, key)
        if name is not None and env[name] not in allowed:
            self._draft.wrong_variable(
                name, f"`{env[name][:40]}` is not allowed here", f"allowed: {', '.join(allowed)}."
            )
        return None if name is None else env[name]

    def _renderer(
        self, exporters: Mapping[Signal, str], signals: Mapping[Signal, Otlp | None], instrumented: Collection[str]
    ) -> tuple[Renderer, str]:
        """The renderer that runs, and why."""
        draft, asked = self._draft, self._written.renderer
        grpc = any(otlp is not None and otlp.protocol == "grpc" for otlp in signals.values())
        reasons = [f"`instrument` of `{id}`" for id in instrumented][:1] + ["protocol grpc"] * grpc
        if asked == "direct" and reasons:
            fix = "write `renderer: auto`, or take that out; `direct` speaks http/protobuf and sees no foreign spans."
            draft.wrong((*_PATH, "renderer"), f"`direct` can't do what this asks for: {reasons[0]}", fix)
        if draft.env.get("OTEL_CONFIG_FILE"):
            reasons.append("OTEL_CONFIG_FILE is set")
        reasons += [f"OTEL_{s.upper()}_EXPORTER is `{e}`" for s, e in exporters.items() if e not in ("otlp", "none")]
        if asked != "auto":
            return asked, str(self._origins["renderer"])
        return ("sdk", reasons[0]) if reasons else ("direct", "plain OTLP")

    def _resource(self) -> dict[str, str]:
        """Resource attributes: those of the file over those of the environment."""
        name = "OTEL_RESOURCE_ATTRIBUTES"
        found: dict[str, str] = self._variable(name, otel.pairs, {})
        if found and not self._written.resource:
            self._origins["resource"] = Origin("env", name)
        return found | self._written.resource

    def _service(self, resource: dict[str, str]) -> str:
        """The service's name; it is taken out of the resource."""
        of_resource = resource.pop("service.name", None)
        if self._written.service is not None:
            return self._written.service
        named = self._draft.env.get("OTEL_SERVICE_NAME")
        if named:
            self._origins["service"] = Origin("env", "OTEL_SERVICE_NAME")
            return named
        if of_resource:
            self._origins["service"] = self._origins["resource"]
            return of_resource
        return "tracegate"

    def _metrics_every(self) -> int:
        name = "OTEL_METRIC_EXPORT_INTERVAL"
        if self._written.metrics_every is not None:
            return self._written.metrics_every
        if self._draft.env.get(name):
            self._origins["metrics_every"] = Origin("env", name)
        return self._variable(name, otel.milliseconds, _INTERVAL_NS)

    def _variable(self, name: str, read: Callable[[str], T], default: T) -> T:
        """What a variable says; the default where it is not set, or wrong, which is added."""
        text = self._draft.env.get(name, "").strip()
        try:
            return read(text) if text else default
        except Wrong as exc:
            self._draft.wrong_variable(name, exc.what, exc.fix)
            return default
