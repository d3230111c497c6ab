"""A PUT of a piece of a file to a presigned address. Blocking: runs in a thread."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import urlsplit

from hytopus.errors import HytopusError

TIMEOUT_S: Final = 60.0
"""Without a byte moving for so long, the store is not reachable."""
_WORDS: Final = 300


class UploadFailed(HytopusError):
    code: ClassVar[str] = "upload_failed"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The object store at {host} did not take an upload: {why}"
    remedy: ClassVar[str] = "It is tried again. Check that this node reaches the store and that their clocks agree."


def put_piece(url: str, headers: Mapping[str, str], path: Path, offset: int, size: int) -> str:
    """Send `size` bytes from `offset`; the ETag they got. Raises `UploadFailed`."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        with path.open("rb") as file:
            file.seek(offset)
            whole = {**headers, "Content-Length": str(size)}
            connection.request("PUT", f"{parts.path}?{parts.query}", body=_Piece(file, size), headers=whole)
            answer = connection.getresponse()
            said = answer.read(_WORDS).decode(errors="replace")
        if answer.status not in (200, 201, 204):
            raise UploadFailed(host=parts.netloc, why=f"{answer.status} {answer.reason} {said}".strip())
        return answer.headers.get("ETag", "")
    except (OSError, http.client.HTTPException) as error:
        raise UploadFailed(host=parts.netloc, why=str(error) or type(error).__name__) from error
    finally:
        connection.close()


class _Piece:
    """Reads no further than it may."""

    def __init__(self, file: object, size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data: bytes = self._file.read(wanted)  # type: ignore[attr-defined]
        self._left -= len(data)
        return data
