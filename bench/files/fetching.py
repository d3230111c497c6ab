"""Fetching, verifying and unpacking a template, against the plain way and against a shell pipeline."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from pathlib import Path

import zstandard

from bench.files.store import Store


def plain(store: Store, key: str, checksum: str, target: Path) -> None:
    """boto3 `download_file`, then SHA-256, then `tarfile` with the data filter."""
    blob = target.with_suffix(".blob")
    store.client.download_file(store.bucket, key, str(blob))
    with blob.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == checksum
    target.mkdir()
    with blob.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            archive.extractall(target, filter="data")
    blob.unlink()


def shell(url: str, target: Path) -> None:
    """`curl | zstd -d | tar -x`, which verifies nothing."""
    target.mkdir()
    script = 'set -o pipefail; curl -sSf "$1" | zstd -dcq | tar -xf - -C "$2"'
    subprocess.run(["bash", "-c", script, "-", url, str(target)], check=True)
