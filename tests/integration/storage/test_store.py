"""The same behaviour from a real S3 and from the fake."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from hytopus.kit.ids import new_id
from hytopus.storage.base import ObjectStore, Part
from hytopus.storage.errors import ObjectMissing, PartsDoNotMatch, UploadGone
from hytopus.storage.memory import MemoryStore
from hytopus.storage.s3 import S3Store, open_s3
from hytopus.storage.settings import StorageSettings
from tests.services.seaweed import S3


def settings(s3: S3, prefix: str = "", **changes: object) -> StorageSettings:
    url = f"s3://{s3.bucket}/{prefix}?endpoint={s3.endpoint}&region={s3.region}&path_style=1"
    return StorageSettings.model_validate(
        {"url": url, "access_key": s3.access_key, "secret_key": s3.secret_key, "read_timeout": 5, **changes}
    )


@dataclass
class Bench:
    """A store and somebody without keys who uses its presigned requests."""

    store: ObjectStore
    client: httpx2.AsyncClient

    async def fetch(self, url: str) -> bytes:
        if isinstance(self.store, MemoryStore):
            return self.store.fetch(url)
        answer = await self.client.get(url)
        answer.raise_for_status()
        return answer.content

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> str:
        if isinstance(self.store, MemoryStore):
            return self.store.send(url, headers, body)
        answer = await self.client.put(url, headers=dict(headers), content=body)
        if answer.status_code == 400:
            raise ValueError(answer.text)
        answer.raise_for_status()
        return answer.headers["etag"]


@asynccontextmanager
async def _real(s3: S3) -> AsyncIterator[S3Store]:
    async with open_s3(settings(s3, f"test-{new_id()}")) as store:
        await store.ensure_bucket(create=True)
        yield store


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.s3)])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with httpx2.AsyncClient(timeout=10) as client:
        if request.param == "memory":
            yield Bench(MemoryStore(prefix="test/"), client)
            return
        async with _real(request.getfixturevalue("s3")) as store:
            yield Bench(store, client)


async def _upload(bench: Bench, key: str, *bodies: bytes) -> None:
    upload_id = await bench.store.create_upload(key)
    parts: list[Part] = []
    for number, body in enumerate(bodies, 1):
        digest = hashlib.sha256(body).hexdigest()
        signed = await bench.store.presign_part(key, upload_id, number, sha256=digest)
        parts.append(Part(number, await bench.send(signed.url, signed.headers, body), digest))
    await bench.store.complete_upload(key, upload_id, parts[::-1])


async def test_a_small_object_is_kept_as_it_is_until_it_is_deleted(bench: Bench) -> None:
    key = bench.store.prefix + "a/b+c d"
    assert await bench.store.head(key) is None
    await bench.store.put(key, b"hello")
    assert await bench.store.head(key) == 5
    assert await bench.store.get(key) == b"hello"
    assert await bench.fetch(await bench.store.presign_get(key)) == b"hello"
    await bench.store.delete(key)
    await bench.store.delete(key)
    with pytest.raises(ObjectMissing):
        await bench.store.get(key)


async def test_an_upload_in_parts_appears_at_once(bench: Bench) -> None:
    key = bench.store.prefix + "big"
    first, last = b"x" * (5 << 20), b"the end"
    await _upload(bench, key, first, last)
    assert await bench.store.head(key) == len(first + last)
    assert await bench.fetch(await bench.store.presign_get(key)) == first + last
    assert await bench.store.list_uploads() == []


async def test_a_part_with_other_bytes_is_refused(bench: Bench) -> None:
    key = bench.store.prefix + "damaged"
    upload_id = await bench.store.create_upload(key)
    signed = await bench.store.presign_part(key, upload_id, 1, sha256=hashlib.sha256(b"right").hexdigest())
    with pytest.raises(ValueError, match="BadDigest"):
        await bench.send(signed.url, signed.headers, b"wrong")
    await bench.store.abort_upload(key, upload_id)


async def test_open_uploads_are_listed_until_they_end(bench: Bench) -> None:
    key = bench.store.prefix + "open"
    upload_id = await bench.store.create_upload(key)
    (upload,) = await bench.store.list_uploads()
    assert (upload.key, upload.upload_id) == (key, upload_id)
    assert upload.started_at.tzinfo is not None
    assert await bench.store.head(key) is None
    await bench.store.abort_upload(key, upload_id)
    await bench.store.abort_upload(key, upload_id)
    assert await bench.store.list_uploads() == []


async def test_what_cannot_be_completed(bench: Bench) -> None:
    key = bench.store.prefix + "odd"
    digest = hashlib.sha256(b"x").hexdigest()
    forged = Part(1, '"00000000000000000000000000000000"', digest)
    with pytest.raises(UploadGone):
        await bench.store.complete_upload(key, "nonsense", [forged])
    upload_id = await bench.store.create_upload(key)
    signed = await bench.store.presign_part(key, upload_id, 1, sha256=digest)
    await bench.send(signed.url, signed.headers, b"x")
    with pytest.raises(PartsDoNotMatch):
        await bench.store.complete_upload(key, upload_id, [forged])
    await bench.store.abort_upload(key, upload_id)


async def test_the_bucket_answers(bench: Bench) -> None:
    await bench.store.ping()
    assert bench.store.requests["head_bucket", "ok"] >= 1


@pytest.mark.parametrize("size", [0, 1000, (16 << 20) + 1])
async def test_files_of_any_size(bench: Bench, tmp_path: Path, size: int) -> None:
    store, key = bench.store, bench.store.prefix + "files/one"
    (tmp_path / "from").write_bytes(os.urandom(size))
    await store.put_file(key, tmp_path / "from")
    assert await store.get_file(key, tmp_path / "to") == hashlib.sha256((tmp_path / "from").read_bytes()).hexdigest()
    assert (tmp_path / "to").read_bytes() == (tmp_path / "from").read_bytes()
    assert await store.list_uploads() == []
    with pytest.raises(ObjectMissing):
        await store.get_file(key + "x", tmp_path / "to")


async def test_keys_are_listed_by_their_beginning(bench: Bench) -> None:
    store, prefix = bench.store, bench.store.prefix
    for name in ("a/1", "a/2", "b/1"):
        await store.put(prefix + name, b"")
    assert await store.list_keys(prefix + "a/") == [prefix + "a/1", prefix + "a/2"]
    assert await store.list_keys(prefix + "c/") == []
