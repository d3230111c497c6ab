"""Fetching, verifying and unpacking a template, against the plain way and against a shell pipeline."""

from __future__ import annotations

import hashlib
import shutil
import statistics
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zstandard

from bench.files.store import Store
from hytopus.layers.pack import Packed
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.source import LayerSource

PLAIN_RUNS: Final = 3


@dataclass(frozen=True)
class Fetched:
    """Seconds by way."""

    plain: float
    shell: float
    ours: float


async def compare(store: Store, blob: Path, packed: Packed, work: Path, *, runs: int) -> Fetched:
    """Each way in turn, `runs` times (the slow plain one in the first three), so that all meet one weather; medians."""
    url = store.upload(blob)
    source = LayerSource("bench", "1", packed.checksum, packed.size, url)
    plains, shells, ours = [], [], []
    for number in range(runs):
        began = time.perf_counter()
        shell(url, work / "shell")
        shells.append(time.perf_counter() - began)
        shutil.rmtree(work / "shell")
        cache = TemplateCache(work / "node")
        await cache.recover()
        began = time.perf_counter()
        layer = await cache.ensure(source)
        ours.append(time.perf_counter() - began)
        assert layer.files == packed.files
        shutil.rmtree(work / "node")
        if number < PLAIN_RUNS:
            began = time.perf_counter()
            plain(store, blob.name, packed.checksum, work / "plain")
            plains.append(time.perf_counter() - began)
            shutil.rmtree(work / "plain")
    return Fetched(statistics.median(plains), statistics.median(shells), statistics.median(ours))


def plain(store: Store, key: str, checksum: str, target: Path) -> None:
    """boto3 `download_file`, then SHA-256, then `tarfile` with the data filter."""
    blob = target.with_suffix(".blob")
    store.client.download_file(store.bucket, key, str(blob))
    with blob.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == checksum
    target.mkdir()
    with (
        blob.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        archive.extractall(target, filter="data")
    blob.unlink()


def shell(url: str, target: Path) -> None:
    """`curl | zstd -d | tar -x`, which verifies nothing."""
    target.mkdir()
    script = 'set -o pipefail; curl -sSf "$1" | zstd -dcq | tar -xf - -C "$2"'
    subprocess.run(["bash", "-c", script, "-", url, str(target)], check=True)
