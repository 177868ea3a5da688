"""Spans of requests, sent over HTTP to a collector."""

import http.server
import sys
import threading

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import elsa_index as ei
from elsa_index.server.app import create_app
from elsa_index.server.current import Current
from elsa_index.server.settings import Settings
from elsa_index.server.tracing import traced

from .conftest import LOCAL
from .test_process import Process


def test_every_request_is_a_span(served):
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    app, exporter = create_app(Current(lambda: ei.Index.open(served), warming=0), Settings()), InMemorySpanExporter()
    with traced(app, exporter) as answering, TestClient(answering, LOCAL) as client:
        assert client.post("/v1/recommend", json={"history": ["t0-1"]}).status_code == 200
        assert client.get("/v1/nothing").status_code == 404
        assert client.get("/v1/items", params={"prefix": "t0-1"}).status_code == 200
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["POST /v1/recommend", "GET /v1/nothing", "GET /v1/items"]
    assert [(span.attributes or {})["http.status_code"] for span in spans] == [200, 404, 200]
    assert spans[0].resource.attributes["service.name"] == "elsa-index"
    assert "t0-1" not in str([span.to_json() for span in spans])


def test_without_the_extra_it_is_named(monkeypatch, served):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    with pytest.raises(ei.MissingExtraError, match=r"elsa-index\[tracing\]"), traced(FastAPI()):
        pass


@pytest.mark.slow
def test_a_service_sends_them_where_the_environment_says(served, tmp_path):
    received = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    collector = http.server.HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    process = Process(
        served, tmp_path / "log", "--traces", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_SERVICE_NAME="films"
    )
    process.recommend()
    assert process.stop() == 0
    collector.shutdown()
    assert {path for path, _ in received} == {"/v1/traces"}
    content = b"".join(body for _, body in received)
    assert b"POST /v1/recommend" in content
    assert b"films" in content
