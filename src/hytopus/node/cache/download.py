"""Where a layer's bytes come from: a process that fetches and unpacks, or memory where there is no network."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from hytopus.errors import HytopusError
from hytopus.layers import errors as archive_errors
from hytopus.layers.archive import Limits
from hytopus.layers.compression import open_window
from hytopus.layers.unpack import unpack
from hytopus.node.cache import errors
from hytopus.node.cache.source import LayerSource
from hytopus.node.runtime.base import NoSpaceLeft

Owner = tuple[int, int] | None
"""uid and gid of unpacked files; None leaves them to whoever the agent runs as."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a layer is. `bytes_total` is 0 where the size is unknown; `entries` counts what is on disk already."""

    template_id: str
    version: str
    bytes_done: int
    bytes_total: int
    entries: int


Listener = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What was unpacked: files and their bytes, the tarball's digest, and what came over the network."""

    sha256: str
    received: int
    files: int
    bytes: int
    entries: int
    requests: int = 1
    failed_requests: int = 0


class Download(Protocol):
    """Brings a layer's tarball and unpacks it into the empty directory `tree`, its manifest into the file `manifest`.

    Does not judge the digest. After an error the caller removes both.
    """

    async def __call__(
        self, source: LayerSource, tree: Path, manifest: Path, *, owner: Owner, limits: Limits, progress: Listener
    ) -> Downloaded: ...


class ProcessDownload:
    """The real one: everything happens in a process of its own, which can be killed at any moment.

    `patience` is how many seconds without a byte make the store unreachable.
    """

    def __init__(self, *, patience: float = 30.0) -> None:
        self._patience = patience

    async def __call__(
        self, source: LayerSource, tree: Path, manifest: Path, *, owner: Owner, limits: Limits, progress: Listener
    ) -> Downloaded:
        fds = [os.open(tree, os.O_RDONLY | os.O_DIRECTORY), os.open(manifest, os.O_WRONLY | os.O_CREAT | os.O_EXCL)]
        try:
            job = {
                "url": source.url,
                "size": source.size,
                "layer": source.name,
                "tree": fds[0],
                "manifest": fds[1],
                "owner": owner,
                "limits": limits,
                "patience": self._patience,
            }
            process = await _start(fds)
        finally:
            for fd in fds:
                os.close(fd)
        try:
            return await _follow(process, job, source, progress)
        finally:
            await _end(process)


class MemoryDownload:
    """Tarballs by checksum, unpacked in this process; for simulations and tests."""

    def __init__(self, tarballs: Mapping[str, bytes]) -> None:
        self._tarballs = tarballs

    async def __call__(
        self, source: LayerSource, tree: Path, manifest: Path, *, owner: Owner, limits: Limits, progress: Listener
    ) -> Downloaded:
        data = self._tarballs.get(source.checksum)
        if data is None:
            raise errors.ObjectMissing(layer=source.name)
        return await asyncio.to_thread(_unpack_here, data, tree, manifest, owner, limits)


def _unpack_here(data: bytes, tree: Path, manifest: Path, owner: Owner, limits: Limits) -> Downloaded:
    root = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        result = unpack(open_window(io.BytesIO(data).read, limits), root, limits=limits, exact=True, owner=owner)
    finally:
        os.close(root)
    manifest.write_bytes(result.dump())
    return Downloaded(hashlib.sha256(data).hexdigest(), len(data), result.files, result.size, len(result.entries))


_OUTCOME: Final = ("sha256", "received", "files", "bytes", "entries", "requests", "failed_requests")


async def _start(fds: list[int]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hytopus.node.cache.fetch",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=fds,
        start_new_session=True,
    )


async def _follow(
    process: asyncio.subprocess.Process, job: Mapping[str, Any], source: LayerSource, progress: Listener
) -> Downloaded:
    """Feed the job, read the lines, until there is an outcome."""
    assert process.stdin
    assert process.stdout
    with suppress(OSError, RuntimeError):  # it may have ended already: what it wrote says why (uvloop: RuntimeError)
        process.stdin.write(json.dumps(job).encode())
        process.stdin.close()
    facts: dict[str, Any] = {"fetched": 0, "unpacked": 0}
    while text := await process.stdout.readline():
        line = json.loads(text)
        if "error" in line:
            raise _error(line["error"], line["params"], source)
        facts.update(line)
        if "sha256" in facts and "entries" in facts:
            return Downloaded(**{key: facts[key] for key in _OUTCOME})
        progress(Progress(source.template_id, source.version, facts["fetched"], source.size, facts["unpacked"]))
    raise errors.FetchFailed(layer=source.name, why=await _last_words(process))


async def _last_words(process: asyncio.subprocess.Process) -> str:
    assert process.stderr
    text = (await process.stderr.read()).decode(errors="replace").strip()
    return text.splitlines()[-1] if text else f"exit status {await process.wait()}"


async def _end(process: asyncio.subprocess.Process) -> None:
    """Nothing of the group is left when this returns, however it is left itself."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.communicate())


def _error(code: str, params: dict[str, Any], source: LayerSource) -> HytopusError:
    if code == "disk_full":
        return NoSpaceLeft(verb=f"unpack {source.name}")
    kind = _ERRORS.get(code, errors.FetchFailed)
    return kind(**{"layer": source.name, "why": code, **params})


_ERRORS: Final[Mapping[str, type[HytopusError]]] = {
    kind.code: kind
    for kind in (
        errors.S3Unreachable,
        errors.ObjectMissing,
        errors.UrlExpired,
        errors.ChecksumMismatch,
        errors.FetchFailed,
        archive_errors.ArchiveUnsafe,
        archive_errors.ArchiveTooLarge,
        archive_errors.ArchiveTruncated,
        archive_errors.ArchiveInvalid,
    )
}
