"""What only a real S3 can do: refuse, be away, and check signatures."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Awaitable, Callable
from functools import partial

import httpx2
import pytest

from hytopus.kit.ids import new_id
from hytopus.storage.errors import BucketMissing, S3Denied, S3Unreachable
from hytopus.storage.s3 import open_s3
from tests.integration.storage.test_store import settings
from tests.services.ports import free_port
from tests.services.seaweed import S3
from tests.services.waiting import eventually

pytestmark = pytest.mark.s3


async def test_wrong_keys_are_told_apart_from_a_missing_bucket(s3: S3) -> None:
    async with open_s3(settings(s3, secret_key="wrong")) as store:
        with pytest.raises(S3Denied, match="refused the Brain's keys"):
            await store.ping()
        assert store.requests["head_bucket", "s3_denied"] == 1
    missing = settings(s3).url.replace(f"s3://{s3.bucket}", "s3://not-made-yet")
    async with open_s3(settings(s3, url=missing)) as store:
        with pytest.raises(BucketMissing):
            await store.ensure_bucket(create=False)


async def test_the_bucket_is_made_if_allowed(s3: S3) -> None:
    url = settings(s3).url.replace(f"s3://{s3.bucket}", f"s3://made-{new_id()}")
    async with open_s3(settings(s3, url=url)) as store:
        await store.ensure_bucket(create=True)
        await store.ensure_bucket(create=True)
        await store.put("x", b"y")


async def test_a_store_that_is_away(s3: S3) -> None:
    url = settings(s3).url.replace(s3.endpoint, f"http://127.0.0.1:{free_port()}")
    async with open_s3(settings(s3, url=url)) as store:
        with pytest.raises(S3Unreachable) as caught:
            await store.head("x")
    assert caught.value.retryable


async def test_a_store_that_is_slow(s3: S3) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = settings(s3).url.replace(s3.endpoint, f"http://127.0.0.1:{silent.getsockname()[1]}")
        async with open_s3(settings(s3, url=url, read_timeout=0.2)) as store:
            with pytest.raises(S3Unreachable):
                await store.ping()


async def test_presigned_urls_are_for_one_object_and_name_the_public_endpoint(s3: S3) -> None:
    async with open_s3(settings(s3, new_id())) as store, httpx2.AsyncClient() as client:
        await store.put(store.prefix + "mine", b"mine")
        await store.put(store.prefix + "other", b"other")
        url = await store.presign_get(store.prefix + "mine")
        assert (await client.get(url)).content == b"mine"
        assert (await client.get(url.replace("/mine?", "/other?"))).status_code == 403
        assert (await client.put(url, content=b"changed")).status_code == 403
        assert (await client.get(url.split("?")[0])).status_code == 403
        await _opens_nothing_else(client, url)
        brief = await store.presign_get(store.prefix + "mine", expires_s=1)
        refused: Callable[[], bool | Awaitable[bool]] = partial(_is_refused, client, brief)
        assert await eventually(refused, what="the URL to run out")
        assert (await client.get(url)).content == b"mine"
    public = settings(s3, public_endpoint="https://s3.example.org/")
    async with open_s3(public) as store:
        assert (await store.presign_get("x")).startswith(f"https://s3.example.org/{s3.bucket}/x?")
        assert store.requests == {}


async def _opens_nothing_else(client: httpx2.AsyncClient, url: str) -> None:
    """Whoever holds a node's URL for one object can neither list nor change, nor stretch it."""
    address, _, query = url.partition("?")
    bucket = address.rpartition("/")[0].rpartition("/")[0]
    for method, target in (
        ("DELETE", url),
        ("POST", url),
        ("PUT", url),
        ("GET", f"{bucket}?{query}"),
        ("GET", f"{bucket}?list-type=2&{query}"),
        ("GET", f"{address}?{query.replace('X-Amz-Expires=900', 'X-Amz-Expires=90000')}"),
        ("GET", f"{address}/../other?{query}"),
        ("GET", f"{address}?acl&{query}"),
    ):
        answer = await client.request(method, target)
        assert answer.status_code >= 400, (method, target, answer.status_code, answer.text[:200])


async def _is_refused(client: httpx2.AsyncClient, url: str) -> bool:
    return (await client.get(url)).status_code == 403


async def test_a_presigned_put_takes_one_object_with_the_bytes_it_was_made_for_and_nothing_else(s3: S3) -> None:
    async with open_s3(settings(s3, new_id())) as store, httpx2.AsyncClient() as client:
        key, content = store.prefix + "crashes/one.zip", b"a bundle"
        signed = await store.presign_put(key, sha256=hashlib.sha256(content).hexdigest())
        other = signed.url.replace("one.zip", "two.zip")
        refused = [
            await client.put(signed.url, content=b"something else", headers=signed.headers),
            await client.put(signed.url, content=content),
            await client.put(other, content=content, headers=signed.headers),
            await client.get(signed.url),
            await client.delete(signed.url),
        ]
        assert {response.is_error for response in refused} == {True}
        assert await store.head(key) is None
        for _ in range(2):
            assert (await client.put(signed.url, content=content, headers=signed.headers)).is_success
        assert await store.get(key) == content
