"""OpenTelemetry traces of requests, when the standard OTEL_* variables ask for them; else nothing of this is loaded.

A request is one span `predict` with `decode`, `features` (when something is looked up), `score` and `log` below it. Only
times are noted while it is worked on; spans are made when it was answered, and exported in the background.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baton.inference.http import Request
from baton.inference.lines import trace_id
from baton.kernel.errors import BatonError
from baton.serving.codec import Answer
from baton.serving.dataplane import DataPlane
from baton.serving.ports import PredictionLog
from baton.serving.prediction import PredictionBatch
from baton.serving.work import Work

_logger = logging.getLogger("baton.serving")
SERVICE, PATIENCE, NOTED = "baton-serve", 2.0, 4096
Done = Callable[[Answer | Exception], None]
Span = tuple[float, float]


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether the environment asks for traces: an OTLP endpoint is named, and nothing switches them off."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return any(environment.get(name) for name in names) or environment.get("OTEL_TRACES_EXPORTER") == "otlp"


def open_tracing(environment: Mapping[str, str]) -> "Tracing | None":
    """Tracing as the environment asks for it, None when it does not. Without the extra it says so and serves on."""
    if not wanted(environment):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _logger.warning("traces are asked for and cannot be made: pip install 'baton-ml[otel]'")
        return None
    own = {} if "OTEL_SERVICE_NAME" in environment else {SERVICE_NAME: SERVICE}
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)


@dataclass(slots=True)
class Notes:
    """When the parts of requests were worked on, by the moment of the request; read once, and never many."""

    prepared: dict[int, Span]
    logged: dict[int, Span]

    def put(self, where: dict[int, Span], moment: int, span: Span) -> None:
        """Note a part; what nobody asks for is forgotten."""
        if len(where) >= NOTED:
            where.clear()
        where[moment] = span


class TracedPlane(DataPlane):
    """A data plane that notes when it prepared a request."""

    notes: Notes

    def prepare(self, work: Work) -> None:
        """See DataPlane."""
        began = time.monotonic()
        try:
            super().prepare(work)
        finally:
            self.notes.put(self.notes.prepared, work.moment, (began, time.monotonic()))


class TracedLog:
    """A prediction log that notes when it took a request's predictions."""

    def __init__(self, log: PredictionLog, notes: Notes) -> None:
        self._log, self._notes = log, notes

    def append(self, batches: Sequence[PredictionBatch]) -> None:
        """See PredictionLog."""
        began = time.monotonic()
        self._log.append(batches)
        span = (began, time.monotonic())
        for batch in batches:
            self._notes.put(self._notes.logged, batch.decided_at, span)


class Tracing:
    """Follows requests and makes their spans. `provider` is OpenTelemetry's."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider, self._tracer = provider, provider.get_tracer("baton.serving")
        self._kind, self._failed, self._below = SpanKind.SERVER, StatusCode.ERROR, set_span_in_context
        self._extract = TraceContextTextMapPropagator().extract
        self.notes = Notes({}, {})

    def follow(self, request: Request, read: Callable[[], Work], done: Done) -> tuple[Callable[[], Work], Done]:
        """The two calls of a request's ticket, so that its spans are made once it is answered."""
        seen: list[Work] = []
        decoded: list[Span] = []

        def reading() -> Work:
            began = time.monotonic()
            try:
                seen.append(read())
                return seen[0]
            finally:
                decoded.append((began, time.monotonic()))

        def finished(outcome: Answer | Exception) -> None:
            done(outcome)
            try:
                self._tell(request, decoded, seen[0] if seen else None, outcome)
            except Exception as error:  # noqa: BLE001  whoever watches must not disturb
                _logger.warning("a trace could not be made: %s", type(error).__name__)

        return reading, finished

    def stop(self) -> None:
        """Send what is left, for a short while: a flush waits for the receiver as long as that pleases."""
        sending = threading.Thread(target=self._provider.force_flush, name="last traces", daemon=True)
        sending.start()
        sending.join(PATIENCE)

    def _tell(self, request: Request, decoded: Sequence[Span], work: Work | None, outcome: Answer | Exception) -> None:
        now = time.monotonic()
        offset = time.time_ns() - int(now * 1e9)
        carrier = {"traceparent": request.headers.get(b"traceparent", b"").decode("latin-1")}
        carrier["tracestate"] = request.headers.get(b"tracestate", b"").decode("latin-1")
        parent = self._extract(carrier) if trace_id(request.headers) else None
        span = self._tracer.start_span("predict", parent, self._kind, start_time=offset + int(request.at * 1e9))
        parts = self._parts(decoded, work)
        if span.is_recording():
            span.set_attributes(_attributes(request, work))
            if isinstance(outcome, Exception):
                span.set_attribute("error.type", outcome.code if isinstance(outcome, BatonError) else type(outcome).__name__)
                span.set_status(self._failed)
            below = self._below(span)
            for name, (began, ended) in parts.items():
                self._tracer.start_span(name, below, start_time=offset + int(began * 1e9)).end(offset + int(ended * 1e9))
        span.end(offset + int(now * 1e9))

    def _parts(self, decoded: Sequence[Span], work: Work | None) -> dict[str, Span]:
        """The spans below; scoring is what lies between having the features and logging, the wait for others included."""
        parts = {"decode": decoded[-1]} if decoded else {}
        if work is None:
            return parts
        prepared, logged = (noted.pop(work.moment, None) for noted in (self.notes.prepared, self.notes.logged))
        if prepared is not None:
            parts["features"] = prepared
        if logged is not None:
            ready = prepared or (decoded[-1] if decoded else logged)
            parts["score"] = ready[1], logged[0]
            parts["log"] = logged
        return parts


def _attributes(request: Request, work: Work | None) -> dict[str, str | int]:
    told: dict[str, str | int] = {"http.request.method": request.method, "http.route": request.route}
    if work is not None:
        told |= {
            "baton.project": work.lineup.routing.project,
            "baton.serial": work.lineup.routing.serial,
            "baton.rows": len(work.ids),
        }
    return told
