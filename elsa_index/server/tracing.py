"""Traces: a span for each request, by OpenTelemetry, sent to where its own OTEL_ variables say."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..extras import packages_of, require
from .guard import App

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
        yield OpenTelemetryMiddleware(
            app,
            tracer_provider=provider,
            default_span_details=_details,
            exclude_spans=["receive", "send"],
        )
    finally:
        provider.shutdown()


def _details(scope: Any) -> tuple[str, dict[str, Any]]:
    """A span's name, which is known before its route is: the path, without what asks for single items."""
    return f"{scope.get('method', 'HTTP')} {scope['path']}"[:200], {}
