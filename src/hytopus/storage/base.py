"""The object store as the rest of the Brain sees it. Keys are whole keys, the prefix included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request somebody without keys may make: exactly this URL, with exactly these headers."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """An uploaded part: number from 1, the ETag it got, sha256 of its bytes (hex)."""

    number: int
    etag: str
    sha256: str


@dataclass(frozen=True, slots=True)
class OpenUpload:
    key: str
    upload_id: str
    started_at: datetime


class ObjectStore(Protocol):
    """Any S3, or a fake. Every call has a deadline; errors are those of `storage.errors`."""

    @property
    def prefix(self) -> str:
        """What every key of Hytopus begins with; empty, or ends with a slash."""
        ...

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """Requests made so far by (operation, outcome), for the metrics."""
        ...

    @property
    def traffic(self) -> Counter[tuple[str, str]]:
        """Bytes of objects so far by (operation, `sent` or `received`), for the metrics."""
        ...

    async def presign_get(self, key: str, *, expires_s: int = 900) -> str:
        """A URL that reads this object. Never needs the network, and does not look whether the object exists."""
        ...

    async def presign_part(
        self, key: str, upload_id: str, number: int, *, sha256: str, expires_s: int = 3600
    ) -> SignedRequest:
        """A PUT of one part that the store itself refuses if the bytes have another sha256 (hex). No network."""
        ...

    async def presign_put(self, key: str, *, sha256: str, expires_s: int = 900) -> SignedRequest:
        """A PUT of a whole object that the store itself refuses if the bytes have another sha256 (hex). No network."""
        ...

    async def create_upload(self, key: str) -> str:
        """Begin a multipart upload; nothing is visible at the key before `complete_upload`."""
        ...

    async def complete_upload(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """Make the parts the object, at once. Raises `UploadGone`, `PartsDoNotMatch`."""
        ...

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Throw the parts away; harmless if the upload is over."""
        ...

    async def list_uploads(self) -> list[OpenUpload]:
        """Uploads under the prefix that were begun and not ended."""
        ...

    async def head(self, key: str) -> int | None:
        """The object's size in bytes, None if there is none."""
        ...

    async def get(self, key: str) -> bytes:
        """A small object. Raises `ObjectMissing`."""
        ...

    async def put(self, key: str, data: bytes) -> None:
        """Write a small object."""
        ...

    async def put_file(self, key: str, path: Path) -> None:
        """Write an object of any size from a file; nothing is visible at the key before it is whole."""
        ...

    async def get_file(self, key: str, path: Path) -> str:
        """Read an object of any size into a file; gives its sha256 (hex). Raises `ObjectMissing`."""
        ...

    async def list_keys(self, prefix: str) -> list[str]:
        """The keys that begin with `prefix`, in order."""
        ...

    async def delete(self, key: str) -> None:
        """Delete; harmless if there is nothing."""
        ...

    async def lists_buckets(self) -> bool:
        """Whether the keys can see all buckets, which nothing here needs."""
        ...

    async def ping(self) -> None:
        """Raises what is wrong if the bucket cannot be reached."""
        ...
