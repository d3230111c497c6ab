"""As much HTTP as ranged GETs of presigned addresses need, and no more.

The process that fetches starts for every layer; the standard library's client would double the time that takes.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

_LONGEST_WAIT: Final = 10.0
"""Seconds for connecting and for each read; a third of the patience, so that there are second attempts."""
_LONGEST_HEAD: Final = 64 << 10


class BadAnswer(Exception):
    """Not what HTTP says, or an answer that may be another one next time."""


class Address(NamedTuple):
    """An address taken apart. `tls` is an SSL context, or None for plain HTTP."""

    host: str
    port: int
    target: str
    authority: str
    tls: Any
    timeout: float

    @classmethod
    def parse(cls, url: str, *, patience: float) -> Address:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        return cls(
            parts.hostname or "",
            parts.port or (443 if secure else 80),
            f"{parts.path}?{parts.query}" if parts.query else parts.path,
            parts.netloc.rpartition("@")[2],
            _tls_context() if secure else None,
            min(patience / 3, _LONGEST_WAIT),
        )


class Response(NamedTuple):
    """The head of an answer; `length` is the body's."""

    status: int
    reason: str
    headers: dict[str, str]
    length: int


class Connection:
    """One connection, opened when first needed and again after `close`."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._ahead = memoryview(b"")
        self._keep = True

    @property
    def is_local(self) -> bool:
        """Whether it leads to this very machine."""
        return self._socket is not None and self._socket.getpeername()[0] == self._socket.getsockname()[0]

    def get(self, first: int, last: int | None) -> Response:
        """Ask for a range of bytes, both ends included, or all from `first`; the body follows with `read_into`."""
        if not self._keep:
            self.close()
        connection = self._socket = self._socket or self._open()
        connection.sendall(
            f"GET {self._address.target} HTTP/1.1\r\nHost: {self._address.authority}\r\n"
            f"Range: bytes={first}-{'' if last is None else last}\r\n"
            "Accept-Encoding: identity\r\nUser-Agent: hytopus\r\n\r\n".encode()
        )
        head, self._ahead = self._read_head(connection)
        response = _parse(head)
        self._keep = response.headers.get("connection", "").lower() != "close"
        return response

    def read_into(self, target: memoryview) -> int:
        """Fill the target with the body, as far as it comes in time; 0 where the other side has closed."""
        if self._ahead:
            size = min(len(target), len(self._ahead))
            target[:size] = self._ahead[:size]
            self._ahead = self._ahead[size:]
            return size
        assert self._socket
        if self._address.tls is not None:
            return self._socket.recv_into(target)
        try:
            return self._socket.recv_into(target, len(target), socket.MSG_WAITALL)
        except BlockingIOError as error:
            raise TimeoutError("it stopped sending") from error

    def read_text(self, size: int) -> str:
        """The first `size` bytes of an error's body. The connection cannot be used again after that."""
        self._keep = False
        buffer = bytearray(size)
        view, filled = memoryview(buffer), 0
        while filled < size and (received := self.read_into(view[filled:])):
            filled += received
        return buffer[:filled].decode(errors="replace")

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket, self._ahead, self._keep = None, memoryview(b""), True

    def _open(self) -> socket.socket:
        # Bytes, since a str would load an encoding, and this process may no longer read the interpreter's files.
        where = (self._address.host.encode("ascii"), self._address.port)
        opened = socket.create_connection(where, timeout=self._address.timeout)  # type: ignore[arg-type]
        if self._address.tls is None:
            # The kernel waits, for whole buffers: half as many calls as with a timeout of Python's own.
            opened.settimeout(None)
            seconds = int(self._address.timeout)
            micros = int(self._address.timeout % 1 * 1e6)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", seconds, micros))
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", seconds, micros))
            return opened
        try:
            secured: socket.socket = self._address.tls.wrap_socket(opened, server_hostname=where[0])
        except BaseException:
            opened.close()
            raise
        return secured

    def _read_head(self, connection: socket.socket) -> tuple[bytes, memoryview]:
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            received = connection.recv(16 << 10)
            if not received:
                raise BadAnswer("the connection broke off")
            data += received
            if len(data) > _LONGEST_HEAD:
                raise BadAnswer("its answer's head is too long")
        return data[:end], memoryview(data)[end + 4 :]


def _parse(head: bytes) -> Response:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    code, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or not code.isdigit():
        raise BadAnswer("it does not speak HTTP")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = headers.get("content-length", "")
    if "transfer-encoding" in headers or not length.isdigit():
        if code in ("200", "206"):
            raise BadAnswer("it does not say how long its answer is")
        return Response(int(code), reason, headers | {"connection": "close"}, 4096)
    return Response(int(code), reason, headers, int(length))


def _tls_context() -> Any:
    import ssl  # noqa: PLC0415 - a fetch over plain HTTP starts without it

    return ssl.create_default_context()
