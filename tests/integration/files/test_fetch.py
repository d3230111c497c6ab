"""Fetching through the real process: from SeaweedFS, from a store that misbehaves, and onto a disk that is full."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import os
import random
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hytopus.layers.archive import Limits
from hytopus.layers.errors import ArchiveTooLarge, ArchiveTruncated, ArchiveUnsafe
from hytopus.layers.pack import pack
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.download import ProcessDownload, Progress
from hytopus.node.cache.errors import ChecksumMismatch, FetchFailed, ObjectMissing, S3Unreachable, UrlExpired
from hytopus.node.cache.shelf import read_manifest
from hytopus.node.cache.source import LayerSource
from hytopus.node.runtime.base import NoSpaceLeft
from tests.integration.files.faulty import (
    Request,
    Store,
    answers,
    breaks_after,
    hangs,
    ignores_ranges,
    serving,
    slow,
    speaks_no_http,
)
from tests.integration.files.mounts import tmpfs
from tests.services.seaweed import S3
from tests.services.waiting import eventually
from tests.unit.layers.archives import archive, file
from tests.unit.layers.trees import File, Tree, read_tree
from tests.unit.node.cache.layers import left_over

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
PATIENCE = 2.0


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every size, about 30 MB, in a directory; the tarball lies beside it."""
    root = tmp_path_factory.mktemp("template")
    noise = random.Random(7)
    for index in range(300):
        path = root / f"files/mods/pack{index % 7}/file{index}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"port=${PORT}\n" if index % 10 == 0 else noise.randbytes(noise.randrange(20_000)))
    for index in range(4):
        (root / f"files/large{index}").write_bytes(noise.randbytes(7_000_000))
    (root / "files/run.sh").write_text("#!/bin/sh")
    (root / "files/run.sh").chmod(0o755)
    (root / "files/link").symlink_to("run.sh")
    pack(root / "files", root / "base.tar.zst")
    return root


@pytest.fixture
def store(template: Path) -> Iterator[Store]:
    with serving((template / "base.tar.zst").read_bytes()) as serving_store:
        yield serving_store


@pytest.fixture
def far_store(template: Path) -> Iterator[Store]:
    """One that is not on this machine, as far as can be seen."""
    with serving((template / "base.tar.zst").read_bytes(), "127.0.0.2") as serving_store:
        yield serving_store


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[TemplateCache]:
    cache = TemplateCache(tmp_path / "node", download=ProcessDownload(patience=PATIENCE))
    await cache.recover()
    yield cache
    root = tmp_path / "node"
    assert await asyncio.to_thread(left_over, root) == [], "nothing half made may stay"


def source_of(store: Store) -> LayerSource:
    return LayerSource("base", "1", hashlib.sha256(store.data).hexdigest(), len(store.data), store.url)


def serve(store: Store, data: bytes) -> LayerSource:
    store.data = data
    return source_of(store)


async def test_from_the_object_store_to_the_disk(cache: TemplateCache, template: Path, s3: S3) -> None:
    client = s3.client()
    await asyncio.to_thread(client.upload_file, str(template / "base.tar.zst"), s3.bucket, "fetch/base.tar.zst")
    url = client.generate_presigned_url("get_object", Params={"Bucket": s3.bucket, "Key": "fetch/base.tar.zst"})
    data = (template / "base.tar.zst").read_bytes()
    source = LayerSource("base", "1", hashlib.sha256(data).hexdigest(), len(data), url)
    told: list[Progress] = []
    layer = await cache.ensure(source, progress=told.append)
    assert read_tree(layer.tree) == read_tree(template / "files")
    assert cache.counters.bytes_fetched == len(data)
    assert told[-1].bytes_done <= told[-1].bytes_total == len(data)
    manifest = read_manifest(cache.disk, layer.link)
    assert manifest.entries["mods/pack0/file0"].names == ("PORT",)
    assert (layer.files, layer.bytes) == (manifest.files, manifest.size)
    tampered = replace(source, version="2", url=url.replace("Signature=", "Signature=0"))
    with pytest.raises(UrlExpired):
        await cache.ensure(tampered)
    gone = client.generate_presigned_url("get_object", Params={"Bucket": s3.bucket, "Key": "fetch/none"})
    with pytest.raises(ObjectMissing):
        await cache.ensure(replace(source, version="3", url=gone))


@needs_root
async def test_files_belong_to_the_games_user(cache: TemplateCache, store: Store) -> None:
    layer = await cache.ensure(source_of(store))
    paths = [layer.tree, *layer.tree.rglob("*")]
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in paths} == {(1000, 1000)}
    assert layer.tree.parent.stat().st_uid == 0


async def test_a_store_is_believed_over_tls_only_with_a_certificate_that_is_trusted(
    cache: TemplateCache, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = await asyncio.to_thread(_self_signed, tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    with serving((template / "base.tar.zst").read_bytes(), tls=tls) as store:
        with pytest.raises(S3Unreachable, match="certificate verify failed"):
            await cache.ensure(source_of(store))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        layer = await cache.ensure(source_of(store))
    assert read_tree(layer.tree) == read_tree(template / "files")


def _self_signed(folder: Path) -> Path:
    """A key and its certificate for 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "store")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(hours=1), now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "store.pem").write_bytes(private + signed.public_bytes(Encoding.PEM))
    return folder / "store.pem"


async def test_the_size_need_not_be_known(cache: TemplateCache, template: Path, store: Store) -> None:
    layer = await cache.ensure(replace(source_of(store), size=0))
    assert read_tree(layer.tree) == read_tree(template / "files")


async def test_a_broken_connection_is_resumed_where_it_broke(
    cache: TemplateCache, template: Path, store: Store
) -> None:
    store.faults = [breaks_after(3_000_000), breaks_after(0), answers(503, "slow down"), speaks_no_http]
    layer = await cache.ensure(source_of(store))
    assert read_tree(layer.tree) == read_tree(template / "files")
    assert store.ranges[0][0] == 0
    assert {first for first, _ in store.ranges[1:5]} == {3_000_000}
    assert cache.counters.bytes_fetched == len(store.data)


async def test_a_stalled_connection_is_given_up_and_resumed(cache: TemplateCache, template: Path, store: Store) -> None:
    store.faults = [hangs]
    layer = await cache.ensure(source_of(store))
    assert read_tree(layer.tree) == read_tree(template / "files")
    assert store.ranges[1][0] == 1000


async def test_a_store_that_never_answers(cache: TemplateCache, store: Store) -> None:
    store.faults = [answers(500, "We encountered an internal error")] * 100
    with pytest.raises(S3Unreachable) as caught:
        await cache.ensure(source_of(store))
    assert "We encountered an internal error" in caught.value.message
    assert "127.0.0.1" in caught.value.params["host"]
    assert "secret" not in str(caught.value)


async def test_a_store_that_is_not_there(cache: TemplateCache, store: Store) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        source = replace(source_of(store), url=f"http://127.0.0.1:{port}/x")
        with pytest.raises(S3Unreachable) as caught:
            await cache.ensure(source)
    assert caught.value.retryable


async def test_a_store_whose_name_nobody_knows(cache: TemplateCache, store: Store) -> None:
    with pytest.raises(S3Unreachable):
        await cache.ensure(replace(source_of(store), url="http://no-such-host.invalid/x"))


@pytest.mark.parametrize(("status", "error"), [(404, ObjectMissing), (403, UrlExpired), (401, UrlExpired)])
async def test_what_the_store_refuses(cache: TemplateCache, store: Store, status: int, error: type[Exception]) -> None:
    store.faults = [answers(status, "Request has expired")]
    with pytest.raises(error) as caught:
        await cache.ensure(source_of(store))
    assert "base@1" in str(caught.value)


async def test_an_object_may_come_whole(cache: TemplateCache, template: Path, store: Store) -> None:
    store.faults = [ignores_ranges]
    assert read_tree((await cache.ensure(source_of(store))).tree) == read_tree(template / "files")


async def test_a_store_without_ranges_cannot_resume_and_is_named(cache: TemplateCache, store: Store) -> None:
    store.faults = [breaks_after(1_000_000), ignores_ranges]
    with pytest.raises(S3Unreachable, match="ranged"):
        await cache.ensure(source_of(store))


async def test_a_slow_store_is_read_over_several_connections(
    cache: TemplateCache, template: Path, far_store: Store
) -> None:
    far_store.faults = [slow] * 100
    layer = await cache.ensure(source_of(far_store))
    assert read_tree(layer.tree) == read_tree(template / "files")
    assert far_store.ranges[0] == (0, len(far_store.data) - 1)
    assert len(far_store.ranges) > 3
    assert far_store.most_at_once > 2


async def test_parts_that_break_are_resumed_too(cache: TemplateCache, template: Path, far_store: Store) -> None:
    far_store.faults = [slow, breaks_after(1_000_000), answers(503), slow, breaks_after(0), hangs]
    layer = await cache.ensure(source_of(far_store))
    assert read_tree(layer.tree) == read_tree(template / "files")


async def test_an_object_of_another_size_is_not_what_was_pushed(cache: TemplateCache, store: Store) -> None:
    with pytest.raises(ChecksumMismatch):
        await cache.ensure(replace(source_of(store), size=17))


async def test_an_object_of_other_content_is_fetched_twice_and_refused(cache: TemplateCache, store: Store) -> None:
    source = source_of(store)
    store.data = archive(file("a", b"evil"))
    with pytest.raises(ChecksumMismatch) as caught:
        await cache.ensure(replace(source, size=0))
    assert caught.value.params["expected"] == source.checksum
    assert len(store.ranges) == 2
    assert await cache.contents() == []


async def test_an_empty_object(cache: TemplateCache, store: Store) -> None:
    store.faults = [answers(416)] * 2
    source = LayerSource("base", "1", hashlib.sha256(b"").hexdigest(), 0, store.url)
    with pytest.raises((ChecksumMismatch, S3Unreachable)):
        await cache.ensure(source)


async def test_hostile_tarballs_are_refused_with_their_entry(cache: TemplateCache, store: Store) -> None:
    many: Tree = {f"f{index:05}": File(b"x" * 3000) for index in range(3000)}
    entries = [file(path, b"x" * 3000) for path in many]
    with pytest.raises(ArchiveUnsafe) as caught:
        await cache.ensure(serve(store, archive(*entries, file("../../etc/cron.d/evil", b"* * * * * root true"))))
    assert caught.value.params["name"] == "../../etc/cron.d/evil"
    with pytest.raises(ArchiveTruncated):
        await cache.ensure(serve(store, archive(*entries)[:2_000_000]))


async def test_a_bomb_is_stopped_early(tmp_path: Path, store: Store) -> None:
    limits = Limits(ratio_floor=4 << 20)
    cache = TemplateCache(tmp_path / "node", limits=limits, download=ProcessDownload(patience=PATIENCE))
    await cache.recover()
    packed = await asyncio.create_subprocess_shell(
        f"cd {tmp_path} && truncate -s 200M zeros && tar -cf - zeros | zstd -q -1 -o bomb"
    )
    assert await packed.wait() == 0
    with pytest.raises(ArchiveTooLarge):
        await cache.ensure(serve(store, (tmp_path / "bomb").read_bytes()))
    assert left_over(tmp_path / "node") == []


@needs_root
async def test_a_full_disk_is_named_and_left_clean(tmp_path: Path, store: Store) -> None:
    with tmpfs(tmp_path / "small", "10M") as disk:
        cache = TemplateCache(disk, download=ProcessDownload(patience=PATIENCE))
        await cache.recover()
        with pytest.raises(NoSpaceLeft, match="unpack base@1"):
            await cache.ensure(source_of(store))
        assert left_over(disk) == []
        assert sum(path.stat().st_size for path in disk.rglob("*") if path.is_file()) == 0
        small = serve(store, archive(file("a", b"1")))
        assert (await cache.ensure(small)).files == 1


async def test_cancelling_ends_every_process(cache: TemplateCache, store: Store) -> None:
    store.faults = [hangs]
    asked = asyncio.ensure_future(cache.ensure(source_of(store)))
    await eventually(lambda: store.ranges, what="the first request")
    started = fetchers_of(os.getpid())
    assert started
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await eventually(lambda: not any(map(is_fetcher, started)), what="the processes to end")


async def test_a_fetch_that_is_killed_is_told(cache: TemplateCache, store: Store) -> None:
    store.faults = [hangs]
    asked = asyncio.ensure_future(cache.ensure(source_of(store)))
    await eventually(lambda: store.ranges, what="the first request")
    for pid in fetchers_of(os.getpid()):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(FetchFailed) as caught:
        await asked
    assert caught.value.retryable


async def test_it_ends_by_itself_when_the_agent_dies(tmp_path: Path, store: Store) -> None:
    """The agent's end closes the pipe that progress is told to."""
    (tmp_path / "node").mkdir()
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from hytopus.node.cache.cache import TemplateCache\n"
        "from hytopus.node.cache.source import LayerSource\n"
        "async def main():\n"
        f"    cache = TemplateCache(Path({str(tmp_path / 'node')!r})); await cache.recover()\n"
        f"    await cache.ensure(LayerSource('base', '1', 'x', {len(store.data)}, {store.url!r}))\n"
        "asyncio.run(main())"
    )
    store.faults = [Request.serve, hangs]
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    await eventually(lambda: len(store.ranges) > 1, what="the second request")
    started = fetchers_of(agent.pid)
    assert started
    agent.kill()
    await agent.wait()
    store.hang.set()
    await eventually(lambda: not any(map(is_fetcher, started)), what="the fetch to end")


def fetchers_of(pid: int) -> list[int]:
    """The fetching processes below one process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = [one for child in children for one in (int(child), *fetchers_of(int(child)))]
    return [one for one in found if is_fetcher(one)]


def is_fetcher(pid: int) -> bool:
    try:
        return b"hytopus.node.cache.fetch" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
