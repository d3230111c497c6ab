"""Moving template archives between this machine and the object store, past the Brain."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

import httpx2

from hytopus.cli.connection.client import Api, Json
from hytopus.errors import HytopusError
from hytopus.kit.backoff import backoff

Advance = Callable[[int], None]
"""Told how many more bytes have arrived; a negative number takes back what has to be sent again."""

_CHUNK: Final = 1 << 20
_PARALLEL: Final = 4
_BATCH: Final = 64
"""Parts whose URLs are asked for at once, so that none expires while it waits for its turn."""
_ATTEMPTS: Final = 6
_STORE_TIMEOUT: Final = httpx2.Timeout(60, connect=10)


class TransferFailed(HytopusError):
    code: ClassVar[str] = "transfer_failed"
    template: ClassVar[str] = "{what} failed {attempts} times, the last time because {why}."
    remedy: ClassVar[str] = "See whether the object store at {host} runs and can be reached from here, then try again."
    retryable: ClassVar[bool] = True


class DownloadCorrupt(HytopusError):
    code: ClassVar[str] = "checksum_mismatch"
    template: ClassVar[str] = "What was downloaded of {name} has the checksum {found}, not {expected}."
    remedy: ClassVar[str] = "Try again; if it stays, the object in the store was changed behind Hytopus's back."


@dataclass(frozen=True, slots=True)
class _Part:
    number: int
    offset: int
    size: int
    sha256: str


async def upload(api: Api, address: str, upload: Json, file: Path, advance: Advance) -> Json:
    """Send the parts of an open upload and complete it; gives the version. Left early, the upload is taken back."""
    try:
        parts = _parts(file, upload["part_size"])
        done: list[dict[str, Any]] = []
        async with httpx2.AsyncClient(timeout=_STORE_TIMEOUT) as store:
            for batch in _batches(parts):
                done += await _send_batch(api, store, f"{address}/parts", file, batch, advance)
        return await api.request("POST", f"{address}/complete", body={"parts": done}, timeout=120)
    except BaseException:
        await _take_back(api, address)
        raise


async def download(url: Callable[[], Any], name: str, expected: Json, target: Path, advance: Advance) -> None:
    """Fetch an object into a file that appears only when its checksum is right. `url` gives a fresh presigned one."""
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with unfinished.open("wb+") as file:
            async with httpx2.AsyncClient(timeout=_STORE_TIMEOUT) as store:
                await _fetch(store, url, file, expected["size"], advance)
        found = await asyncio.to_thread(_sha256, unfinished)
        if found != expected["checksum"]:
            raise DownloadCorrupt(name=name, found=found, expected=expected["checksum"])
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


async def _send_batch(
    api: Api, store: httpx2.AsyncClient, address: str, file: Path, parts: Sequence[_Part], advance: Advance
) -> list[dict[str, Any]]:
    wanted = [{"number": part.number, "sha256": part.sha256} for part in parts]
    targets = {each["number"]: each for each in (await api.post(address, {"parts": wanted}))["parts"]}
    slots = asyncio.Semaphore(_PARALLEL)

    async def send(part: _Part) -> dict[str, Any]:
        async with slots:
            etag = await _send_part(store, targets[part.number], file, part, advance)
        return {"number": part.number, "etag": etag, "sha256": part.sha256}

    return await _all_or_cancel([send(part) for part in parts])


async def _all_or_cancel(work: Sequence[Any]) -> list[Any]:
    """All results in order; at the first failure the others are cancelled and it is raised as it is."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send_part(
    store: httpx2.AsyncClient, target: Mapping[str, Any], file: Path, part: _Part, advance: Advance
) -> str:
    """Send one part, again and again if need be; gives the store's ETag."""
    delays, why = backoff(0.3, 10), ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(next(delays))
        sent = _Sent(advance)
        try:
            response = await store.put(
                target["url"],
                content=_read(file, part, sent),
                headers={**target["headers"], "Content-Length": str(part.size)},
            )
        except httpx2.TransportError as error:
            why = f"{type(error).__name__}: {error}"
        else:
            if response.is_success:
                return str(response.headers["etag"])
            why = f"the store answered {response.status_code}: {response.text[:200]}"
            if response.status_code in (400, 403, 404):
                sent.take_back()
                break
        sent.take_back()
    host = httpx2.URL(target["url"]).host
    raise TransferFailed(what=f"Sending part {part.number}", attempts=attempt + 1, why=why, host=host)


async def _fetch(
    store: httpx2.AsyncClient, url: Callable[[], Any], file: BinaryIO, size: int, advance: Advance
) -> None:
    """Fill the file, going on where a broken download ended."""
    delays, why, address = backoff(0.3, 10), "", ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(next(delays))
        address = await url()
        have = file.tell()
        try:
            async with store.stream("GET", address, headers={"Range": f"bytes={have}-"} if have else {}) as response:
                if response.status_code == 200 and have:
                    file.seek(0)
                    file.truncate()
                    advance(-have)
                response.raise_for_status()
                async for chunk in response.aiter_bytes(_CHUNK):
                    await asyncio.to_thread(file.write, chunk)
                    advance(len(chunk))
                    if file.tell() > size:
                        return  # more than there is: the checksum will tell, and nothing fills the disk
        except httpx2.HTTPStatusError as error:
            why = f"the store answered {error.response.status_code}"
            if error.response.status_code in (400, 404):
                break
        except httpx2.TransportError as error:
            why = f"{type(error).__name__}: {error}"
        if file.tell() >= size:
            return
    raise TransferFailed(what="The download", attempts=attempt + 1, why=why, host=httpx2.URL(address).host)


async def _take_back(api: Api, address: str) -> None:
    """Best effort: an upload that is left open is cleaned up by the Brain after a while."""
    try:
        await asyncio.shield(api.delete(address))
    except HytopusError:
        return


async def _read(file: Path, part: _Part, sent: _Sent) -> AsyncIterator[bytes]:
    with file.open("rb") as source:
        source.seek(part.offset)
        left = part.size
        while left > 0:
            chunk = await asyncio.to_thread(source.read, min(_CHUNK, left))
            left -= len(chunk)
            yield chunk
            sent.add(len(chunk))


class _Sent:
    """What one attempt has reported, so that a failed one can be taken back."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._count = 0

    def add(self, count: int) -> None:
        self._count += count
        self._advance(count)

    def take_back(self) -> None:
        self._advance(-self._count)
        self._count = 0


def _parts(file: Path, part_size: int) -> list[_Part]:
    """The file in parts, each with its own digest, which the store checks."""
    parts: list[_Part] = []
    offset, whole = 0, file.stat().st_size
    with file.open("rb") as source:
        while offset < whole or not parts:
            size = min(part_size, whole - offset)
            parts.append(_Part(len(parts) + 1, offset, size, _digest(source, size)))
            offset += size
    return parts


def _digest(source: BinaryIO, size: int) -> str:
    digest, left = hashlib.sha256(), size
    while left > 0:
        chunk = source.read(min(_CHUNK, left))
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _batches(parts: Sequence[_Part]) -> list[Sequence[_Part]]:
    return [parts[start : start + _BATCH] for start in range(0, len(parts), _BATCH)]
