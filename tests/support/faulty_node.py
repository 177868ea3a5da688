"""A node that misbehaves: passes requests on to a real one, unless a fault answers or changes them."""

import http.client
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Request:
    """What a client sent; a fault may change the body before it is passed on."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Fault = Callable[[Request], tuple[int, bytes] | None]


class FaultyNode:
    """A context manager. fault: called for each request; its answer is given instead of the real node's.

    `pass_on` asks the real node, for faults that lose or change its answer.
    """

    def __init__(self, url: str, fault: Fault, certificate=None) -> None:
        """certificate: of `trustme`, to speak TLS with."""
        real = urlsplit(url)

        def pass_on(request: Request) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(str(real.hostname), real.port, timeout=60)
            headers = {"Content-Type": request.headers.get("Content-Type", "application/json")}
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            result = answer.status, answer.read()
            connection.close()
            return result

        self.pass_on = pass_on

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, dict(self.headers), body)
                answered = fault(request)
                if answered is None:
                    answered = pass_on(request)
                self.send_response(answered[0])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answered[1])))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answered[1])

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "FaultyNode":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
