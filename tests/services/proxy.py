"""A TCP proxy that breaks connections when it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Forwards to one address. Runs in threads, because the tests' event loops come and go."""

    def __init__(self, host: str, port: int, *, listen_port: int = 0) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", listen_port))
        self._breaks: list[int] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self.broken = 0
        """How many connections were broken so far."""
        self.refused = 0
        """How many connections were tried while it was cut."""
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def break_next(self, *after_bytes: int) -> None:
        """The next connections to carry so many bytes, in either direction together, are cut there; one each."""
        self._breaks += after_bytes

    def cut(self) -> None:
        """End every connection, and every new one at once, until it is mended."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                _shut(end)

    def mend(self) -> None:
        with self._lock:
            self._is_cut = False

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
            if not self._enter(client, server):
                return
            carried = [0]
            back = threading.Thread(target=self._pump, args=(server, client, carried), daemon=True)
            back.start()
            self._pump(client, server, carried)
            back.join()
            self._leave(client, server)

    def _enter(self, *ends: socket.socket) -> bool:
        """Whether they may be connected: not while it is cut."""
        with self._lock:
            if self._is_cut:
                self.refused += 1
                return False
            self._open.update(ends)
            return True

    def _leave(self, *ends: socket.socket) -> None:
        with self._lock:
            self._open.difference_update(ends)

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
            _shut(end)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def running_proxy(host: str, port: int, *, listen_port: int = 0) -> Iterator[Proxy]:
    proxy = Proxy(host, port, listen_port=listen_port)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
