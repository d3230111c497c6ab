"""An object store that misbehaves on demand: one behaviour per request, and a well-behaved one afterwards."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Store:
    """Serves one object. `faults` are used up in order, one per request; `hang` releases those that wait."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.faults: list[Callable[[Request], None]] = []
        self.ranges: list[tuple[int, int]] = []
        self.at_once = self.most_at_once = 0
        self.hang = threading.Event()
        self.lock = threading.Lock()
        self.url = ""


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Store

    def do_GET(self) -> None:
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        self.first, self.last = int(first), min(int(last or 10**12), len(self.store.data) - 1)
        with self.store.lock:
            self.store.ranges.append((self.first, self.last))
            fault = self.store.faults.pop(0) if self.store.faults else Request.serve
            self.store.at_once += 1
            self.store.most_at_once = max(self.store.most_at_once, self.store.at_once)
        with suppress(ConnectionError):
            fault(self)
        with self.store.lock:
            self.store.at_once -= 1

    def serve(self) -> None:
        self.head()
        self.wfile.write(self.body)

    @property
    def body(self) -> bytes:
        return self.store.data[self.first : self.last + 1]

    def head(self, status: int = 206) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(self.body)))
        self.send_header("Content-Range", f"bytes {self.first}-{self.last}/{len(self.store.data)}")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Tests read the ranges instead."""


def breaks_after(size: int) -> Callable[[Request], None]:
    def fault(request: Request) -> None:
        request.head()
        request.wfile.write(request.body[:size])
        request.close_connection = True

    return fault


def answers(status: int, message: str = "") -> Callable[[Request], None]:
    def fault(request: Request) -> None:
        body = f"<Error><Message>{message}</Message></Error>".encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return fault


def hangs(request: Request) -> None:
    request.head()
    request.wfile.write(request.body[:1000])
    request.wfile.flush()
    request.store.hang.wait(30)
    request.close_connection = True


def ignores_ranges(request: Request) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(request.store.data)))
    request.end_headers()
    request.wfile.write(request.store.data)


def slow(request: Request) -> None:
    """A store far away: 8 MB per second and connection."""
    request.head()
    for start in range(0, len(request.body), 1 << 20):
        request.wfile.write(request.body[start : start + (1 << 20)])
        request.store.hang.wait(0.125)


def speaks_no_http(request: Request) -> None:
    request.wfile.write(b"220 smtp.example ready\r\n\r\n")
    request.close_connection = True


@contextmanager
def serving(data: bytes, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Store]:
    """With `127.0.0.2` it looks like another machine."""
    store = Store(data)
    handler = type("Handler", (Request,), {"store": store})
    with ThreadingHTTPServer((host, 0), handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        store.url = (
            f"{'https' if tls else 'http'}://{host}:{server.server_port}/templates/base.tar.zst?signature=secret"
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield store
        finally:
            store.hang.set()
            server.shutdown()
            thread.join()
