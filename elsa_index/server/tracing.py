"""Traces: a span for each request, by OpenTelemetry, sent to where its own OTEL_ variables say."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..extras import packages_of, require
from .guard import App, Receive, Scope, Send

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


@contextmanager
def traced(app: App, exporter: "SpanExporter | None" = None) -> Iterator[App]:
    """The application with a span for each request; what is left of them is sent when the block ends. exporter: where
    to; None: by HTTP to OTEL_EXPORTER_OTLP_ENDPOINT, or to this machine.

    Raises MissingExtraError.
    """
    require("Tracing", *packages_of("tracing"))
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if "OTEL_SERVICE_NAME" in os.environ else {SERVICE_NAME: "elsa-index"}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
    try:
        # A span of its own for each ASGI message would be two for each answer.
        inside = OpenTelemetryMiddleware(
            _asked_whole(app),
            tracer_provider=provider,
            default_span_details=_details,
            exclude_spans=["receive", "send"],
        )
        yield _without_query(inside)
    finally:
        provider.shutdown()


_QUERY = "elsa_index.query_string"


def _without_query(app: App) -> App:
    """What is asked for stands in the query string, and spans keep it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        hidden = {_QUERY: scope["query_string"], "query_string": b""} if scope["type"] == "http" else {}
        await app({**scope, **hidden}, receive, send)

    return answer


def _asked_whole(app: App) -> App:
    """Puts back what `_without_query` hides."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["query_string"] = scope.pop(_QUERY)
        await app(scope, receive, send)

    return answer


def _details(scope: Any) -> tuple[str, dict[str, Any]]:
    """A span's name, which is known before its route is: the path, without what asks for single items."""
    return f"{scope.get('method', 'HTTP')} {scope['path']}"[:200], {}
