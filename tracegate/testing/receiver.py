"""An OTLP receiver that believes nothing: it decodes with the official classes, refuses what is wrong, and checks what
came as a whole.

It can be asked in process (`await receiver.post(...)`) or over a socket (`tracegate.testing.receiving`), with the same
checks. It can also misbehave: refuse, hang, take its time, take only a part. It is no Collector: it forwards nothing.
Source: OTLP specification 1.x, OTLP/HTTP; JSON bodies are not supported.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tracegate.clock import Clock, SystemClock
from tracegate.telemetry.protobuf import text_field
from tracegate.testing.otlp.check import contradictory, dangling, misplaced
from tracegate.testing.otlp.decode import decode_logs, decode_metrics, decode_traces
from tracegate.testing.otlp.registry import Registry
from tracegate.testing.otlp.signals import LogRecord, Point, Span
from tracegate.testing.otlp.values import Malformed

PROTOBUF = "application/x-protobuf"
Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Accept:
    """Take what is right, refuse what is malformed with 400."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Take nothing; answer with a status, and with `Retry-After` in seconds if given."""

    status: int = 503
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """Take all but the last `rejected` items, and say so in a 200."""

    rejected: int = 1
    message: str = "rejected by script"


@dataclass(frozen=True, slots=True)
class Slow:
    """Take it after some nanoseconds, if the sender still waits."""

    ns: int


@dataclass(frozen=True, slots=True)
class Hang:
    """Read the request and never answer."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Read the request and drop the connection."""


Behaviour = Accept | Refuse | Partial | Slow | Hang | Reset


@dataclass(slots=True)
class Received:
    """One request as it came.

    `content` is its body decompressed, `status` what was answered, `None` if nothing was. `over` says that it was
    answered or given up.
    """

    path: str
    headers: list[tuple[str, str]]
    body: bytes
    at: int  # monotonic nanoseconds
    port: int | None = None  # of the sender's socket; `None` in process
    content: bytes = b""
    status: int | None = None
    error: str | None = None
    over: bool = False

    def header(self, name: str) -> str | None:
        """The first value of a field, `None` when it is absent."""
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver answers."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class NotFlawless(AssertionError):
    """What a receiver got was malformed, duplicated, orphaned, or otherwise not as it must be."""


class Receiver:
    """Takes OTLP and keeps it.

    `behaviour` is what it does with each request; `script` holds behaviours for the next ones, used up first.
    `requests` has every request, refused ones too; `spans`, `points` and `logs` what was taken, in the order it came.

    Args:
        clock: Times of requests, and the wait of `Slow`.
        registry: Names, types and values that are allowed; `None` allows all.
    """

    def __init__(self, clock: Clock | None = None, registry: Registry | None = None) -> None:
        self.behaviour: Behaviour = Accept()
        self.script: deque[Behaviour] = deque()
        self.requests: list[Received] = []
        self.spans: list[Span] = []
        self.points: list[Point] = []
        self.logs: list[LogRecord] = []
        self._clock = SystemClock() if clock is None else clock
        self._registry = registry
        self._changed: asyncio.Event | None = None

    async def post(self, path: str, headers: Headers, body: bytes, *, port: int | None = None) -> Answer:
        """Handle a POST.

        Raises:
            ConnectionResetError: When the behaviour is `Reset`.
        """
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        lower = [(name.lower(), value) for name, value in pairs]
        request = Received(path, lower, body, self._clock.now(), port)
        self.requests.append(request)
        self._notify()
        try:
            request.content = _content(request)
        except Malformed as exc:
            request.error = str(exc)
        behaviour = self.script.popleft() if self.script else self.behaviour
        try:
            return await self._behave(request, behaviour)
        finally:
            request.over = True
            self._notify()

    async def until(self, condition: Callable[[Receiver], object], timeout_s: float = 10.0) -> None:
        """Wait until a condition holds, looked at when a request comes and when it is over.

        Raises:
            TimeoutError: When it does not come to hold in time.
        """
        self._changed = self._changed or asyncio.Event()
        async with asyncio.timeout(timeout_s):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()

    def problems(self, *, lost: bool = False) -> list[str]:
        """Everything that is wrong with what came; empty when nothing is.

        Args:
            lost: Whether some of it is known to be lost, so that missing parents are no problem.
        """
        found = [f"{r.path}: {r.error}" for r in self.requests if r.error is not None]
        found += misplaced(self.spans, lost=lost)
        found += contradictory(self.points)
        if not lost:
            found += dangling(self.spans, self.points, self.logs)
        if self._registry is not None:
            found += self._registry.findings(self.spans, self.points, self.logs)
        return found

    def check(self, *, lost: bool = False) -> None:
        """Raise `NotFlawless` with every problem, if there is one."""
        if found := self.problems(lost=lost):
            raise NotFlawless("\n".join([f"{len(found)} problems with what was exported:", *found]))

    def found(self, *planted: str | bytes) -> list[str | bytes]:
        """Those of some planted texts that occur in anything that was sent here: paths, headers, bodies."""
        heads = (f"{r.path}\n{r.headers}".encode() for r in self.requests)
        haystack = b"\0".join([*heads, *(r.body for r in self.requests), *(r.content for r in self.requests)])
        return [text for text in planted if (text.encode() if isinstance(text, str) else text) in haystack]

    def trace(self, trace: bytes) -> list[Span]:
        """The spans of one trace, in the order they came."""
        return [span for span in self.spans if span.trace == trace]

    def series(self, metric: str, **labels: object) -> list[Point]:
        """The points that make up a metric now: the last of each cumulative series, all of the others.

        Args:
            metric: Its name.
            labels: Labels to select by, with `__` for a dot in a name.
        """
        wanted = {name.replace("__", "."): value for name, value in labels.items()}
        matching = [p for p in self.points if p.metric == metric and wanted.items() <= p.labels.items()]
        latest: dict[object, Point] = {}
        for number, point in enumerate(matching):
            latest[(point.series, point.start) if point.cumulative else number] = point
        return list(latest.values())

    def total(self, metric: str, **labels: object) -> int | float | None:
        """The sum of a metric (the count of a histogram) over all series with these labels; `None` without any."""
        values = [p.count if p.count is not None else p.value for p in self.series(metric, **labels)]
        return sum(value for value in values if value is not None) if values else None

    def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set()

    async def _behave(self, request: Received, behaviour: Behaviour) -> Answer:
        match behaviour:
            case Refuse(status=status, retry_after=wait):
                extra = [] if wait is None else [("retry-after", str(wait))]
                return _refused(request, status, "refused by script", extra)
            case Hang():
                await asyncio.get_running_loop().create_future()
            case Reset():
                raise ConnectionResetError("reset by script")
            case Slow(ns=ns):
                await self._clock.sleep_until(self._clock.now() + ns)
        return self._take(request, behaviour if isinstance(behaviour, Partial) else None)

    def _take(self, request: Received, partial: Partial | None) -> Answer:
        kind: Any
        rejected = partial.rejected if partial is not None else 0
        if request.error is not None:
            return _refused(request, 400, request.error)
        try:
            match request.path:
                case "/v1/traces":
                    kind, field = ExportTraceServiceResponse, "rejected_spans"
                    spans = decode_traces(request.content)
                    self._unique(spans)
                    self.spans += spans[: len(spans) - rejected]
                case "/v1/metrics":
                    kind, field = ExportMetricsServiceResponse, "rejected_data_points"
                    points = decode_metrics(request.content)
                    self.points += points[: len(points) - rejected]
                case "/v1/logs":
                    kind, field = ExportLogsServiceResponse, "rejected_log_records"
                    logs = decode_logs(request.content)
                    self.logs += logs[: len(logs) - rejected]
                case _:
                    request.error = "no such path"
                    return _refused(request, 404, request.error)
        except Malformed as exc:
            request.error = str(exc)
            return _refused(request, 400, request.error)
        response = kind()
        if partial is not None:
            setattr(response.partial_success, field, rejected)
            response.partial_success.error_message = partial.message
        request.status = 200
        return Answer(200, [("content-type", PROTOBUF)], response.SerializeToString())

    def _unique(self, spans: Iterable[Span]) -> None:
        known = {(span.trace, span.span) for span in self.spans}
        for span in spans:
            if (span.trace, span.span) in known:
                raise Malformed(f"span `{span.name}` {span.span.hex()} came twice")
            known.add((span.trace, span.span))


def _content(request: Received) -> bytes:
    """The body decompressed; what is not as OTLP/HTTP says is `Malformed`."""
    if (kind := request.header("content-type")) != PROTOBUF:
        raise Malformed(f"content-type is `{kind}`, must be `{PROTOBUF}`")
    match request.header("content-encoding"):
        case None | "identity":
            return request.body
        case "gzip":
            try:
                return gzip.decompress(request.body)
            except (OSError, EOFError, zlib.error) as exc:
                raise Malformed(f"the body is no gzip: {exc}") from exc
        case other:
            raise Malformed(f"content-encoding is `{other}`, must be `gzip` or none")


def _refused(request: Received, status: int, message: str, extra: Sequence[tuple[str, str]] = ()) -> Answer:
    request.status = status
    body = text_field(0x12, message)  # google.rpc.Status.message = 2, as OTLP/HTTP asks
    return Answer(status, [("content-type", PROTOBUF), *extra], body)
