"""What an attacker has: a web server that answers to any name, with and without TLS, and keeps what it is sent."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.https import Authority
from tests.support.installation import Request

APP = "app.example.test"
"""Where Ostiary is."""
SIBLING = "eve.example.test"
"""The attacker's host on the same site: SameSite lets all pass, and its cookies reach ``APP`` by their Domain."""
FOREIGN = "eve.test"
"""The attacker's host on a site of its own."""
ADDRESS = "198.51.100.7"
"""A host without a name, for which browsers keep no Strict-Transport-Security (RFC 6797 section 8.1.1)."""


class HostileSite:
    """Serves the pages that a test writes.

    Attributes:
        received: what browsers sent here, oldest first; their hunt for icons left out.
    """

    def __init__(self, authority: Authority) -> None:
        self._pages: dict[str, tuple[bytes, tuple[tuple[str, str], ...]]] = {}
        self.received: list[Request] = []
        self._plain, self._secure = (ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) for _ in range(2))
        self._secure.socket = authority.server_context().wrap_socket(
            self._secure.socket, server_side=True, do_handshake_on_connect=False
        )
        for server in (self._plain, self._secure):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def page(self, path: str, html: str, *headers: tuple[str, str]) -> None:
        """Answer ``path`` with this page on every host; header values go out byte for byte, in Latin-1."""
        self._pages[path] = f"<!doctype html><meta charset=utf-8>{html}".encode(), headers

    def http(self, host: str, path: str = "/") -> str:
        return f"http://{host}:{self._plain.server_address[1]}{path}"

    def https(self, host: str, path: str = "/") -> str:
        return f"https://{host}:{self._secure.server_address[1]}{path}"

    def forget(self) -> None:
        self._pages.clear()
        self.received.clear()

    def close(self) -> None:
        for server in (self._plain, self._secure):
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                if self.path == "/favicon.ico":
                    self._send(404, b"", ())
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                site.received.append(Request(self.command, headers.get("host", ""), self.path, headers, body))
                self._send(200, *site._pages.get(self.path.partition("?")[0], (b"", ())))

            def do_POST(self) -> None:
                self.do_GET()

            def _send(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        return Handler
