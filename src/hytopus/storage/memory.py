"""An object store in memory, for tests. Presigned URLs are `memory://…`, served by `fetch` and `send`."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock, SystemClock
from hytopus.kit.ids import new_id
from hytopus.storage.base import OpenUpload, Part, SignedRequest
from hytopus.storage.errors import ObjectMissing, PartsDoNotMatch, UploadGone


class MemoryStore:
    """Behaves like an S3. `fault`, while set, is raised by every call that would need the network."""

    def __init__(self, clock: Clock | None = None, *, prefix: str = "") -> None:
        self.objects: dict[str, bytes] = {}
        self.fault: HytopusError | None = None
        self._clock = clock or SystemClock()
        self._prefix = prefix
        self._uploads: dict[str, OpenUpload] = {}
        self._parts: dict[str, dict[int, bytes]] = {}
        self._requests: Counter[tuple[str, str]] = Counter()
        self._traffic: Counter[tuple[str, str]] = Counter()

    @property
    def prefix(self) -> str:
        return self._prefix

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        return self._requests

    @property
    def traffic(self) -> Counter[tuple[str, str]]:
        return self._traffic

    async def presign_get(self, key: str, *, expires_s: int = 900) -> str:
        return self._sign(key, expires_s)

    async def presign_part(
        self, key: str, upload_id: str, number: int, *, sha256: str, expires_s: int = 3600
    ) -> SignedRequest:
        return SignedRequest(
            self._sign(key, expires_s, upload=upload_id, part=str(number)), {"x-amz-checksum-sha256": sha256}
        )

    async def presign_put(self, key: str, *, sha256: str, expires_s: int = 900) -> SignedRequest:
        return SignedRequest(self._sign(key, expires_s), {"x-amz-checksum-sha256": sha256})

    async def create_upload(self, key: str) -> str:
        self._count("create_multipart_upload")
        upload_id = new_id()
        self._uploads[upload_id] = OpenUpload(key, upload_id, self._clock.now())
        self._parts[upload_id] = {}
        return upload_id

    async def complete_upload(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        self._count("complete_multipart_upload")
        if upload_id not in self._uploads:
            raise UploadGone(key=key)
        held = self._parts[upload_id]
        for part in parts:
            if part.number not in held or part.etag != _etag(held[part.number]):
                raise PartsDoNotMatch(key=key, why=f"part {part.number} is not there")
        self.objects[key] = b"".join(held[part.number] for part in sorted(parts, key=lambda part: part.number))
        await self.abort_upload(key, upload_id)

    async def abort_upload(self, key: str, upload_id: str) -> None:
        self._count("abort_multipart_upload")
        self._uploads.pop(upload_id, None)
        self._parts.pop(upload_id, None)

    async def list_uploads(self) -> list[OpenUpload]:
        self._count("list_multipart_uploads")
        return [upload for upload in self._uploads.values() if upload.key.startswith(self._prefix)]

    async def head(self, key: str) -> int | None:
        self._count("head_object")
        return len(self.objects[key]) if key in self.objects else None

    async def get(self, key: str) -> bytes:
        self._count("get_object")
        if key not in self.objects:
            raise ObjectMissing(key=key)
        return self.objects[key]

    async def put(self, key: str, data: bytes) -> None:
        self._count("put_object")
        self._traffic["put_object", "sent"] += len(data)
        self.objects[key] = data

    async def put_file(self, key: str, path: Path) -> None:
        await self.put(key, await asyncio.to_thread(path.read_bytes))

    async def get_file(self, key: str, path: Path) -> str:
        data = await self.get(key)
        await asyncio.to_thread(path.write_bytes, data)
        return hashlib.sha256(data).hexdigest()

    async def list_keys(self, prefix: str) -> list[str]:
        self._count("list_objects_v2")
        return sorted(key for key in self.objects if key.startswith(prefix))

    async def delete(self, key: str) -> None:
        self._count("delete_object")
        self.objects.pop(key, None)

    async def lists_buckets(self) -> bool:
        return False

    async def ping(self) -> None:
        self._count("head_bucket")

    def fetch(self, url: str) -> bytes:
        """GET a presigned URL. Raises `PermissionError` once it has expired, `ObjectMissing`."""
        key, _ = self._check(url)
        if key not in self.objects:
            raise ObjectMissing(key=key)
        return self.objects[key]

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> str:
        """PUT a presigned part or object; returns its ETag. Refuses bytes that do not have the signed checksum."""
        key, query = self._check(url)
        if hashlib.sha256(body).hexdigest() != headers["x-amz-checksum-sha256"]:
            raise ValueError("BadDigest")
        if "upload" not in query:
            self.objects[key] = body
            return _etag(body)
        upload_id = query["upload"][0]
        if upload_id not in self._uploads:
            raise UploadGone(key=key)
        self._parts[upload_id][int(query["part"][0])] = body
        return _etag(body)

    def _sign(self, key: str, expires_s: int, **more: str) -> str:
        return f"memory:///{key}?" + urlencode({"until": self._clock.now().timestamp() + expires_s, **more})

    def _check(self, url: str) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        if self._clock.now().timestamp() > float(query["until"][0]):
            raise PermissionError("the URL has expired")
        return parts.path.removeprefix("/"), query

    def _count(self, operation: str) -> None:
        if self.fault is not None:
            self._requests[operation, self.fault.code] += 1
            raise self.fault
        self._requests[operation, "ok"] += 1


def _etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
