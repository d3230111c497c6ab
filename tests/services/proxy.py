"""A TCP proxy that breaks connections when it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Forwards to one address. Runs in threads, because the tests' event loops come and go."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._breaks: list[int] = []
        self.broken = 0
        """How many connections were broken so far."""
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def break_next(self, *after_bytes: int) -> None:
        """The next connections to carry so many bytes, in either direction together, are cut there; one each."""
        self._breaks += after_bytes

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            carried = [0]
            back = threading.Thread(target=self._pump, args=(server, client, carried), daemon=True)
            back.start()
            self._pump(client, server, carried)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, carried: list[int]) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                carried[0] += len(data)
                if self._breaks and carried[0] >= self._breaks[0]:
                    self._breaks.pop(0)
                    self.broken += 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def running_proxy(host: str, port: int) -> Iterator[Proxy]:
    proxy = Proxy(host, port)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
