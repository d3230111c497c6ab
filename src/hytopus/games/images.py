"""Building a game's image: from its Dockerfile where the base image can be had, else from Debian packages alone."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import tarfile
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import aiohttp
from aiodocker import Docker, DockerError
from yarl import URL

from hytopus.errors import HytopusError
from hytopus.games.debian import make_rootfs
from hytopus.games.definition import Game
from hytopus.games.process import Progress, ToolFailed

INPUTS_LABEL: Final = "hytopus.inputs"
"""Carries a digest of everything the image was built from."""

_BUILDER: Final = "1"
"""Part of that digest; raised when this module builds other images out of the same inputs."""

_PULL_SECONDS: Final = 300
_BUILD_SECONDS: Final = 3600
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"
_FROM: Final = re.compile(r"^\s*FROM\s+(?:--platform=\S+\s+)?(\S+)", re.IGNORECASE | re.MULTILINE)

Prefer = Literal["auto", "dockerfile", "debian"]


class ImageBuildFailed(HytopusError):
    code: ClassVar[str] = "image_build_failed"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The image {image!r} of the game {game!r} could not be built: {why}"
    remedy: ClassVar[str] = "{what}"


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """`built` is False where the image was there already, made from the very same inputs."""

    reference: str
    image_id: str
    built: bool


async def build_image(
    game: Game,
    folder: Path,
    *,
    engine: Docker,
    progress: Progress,
    prefer: Prefer = "auto",
    force: bool = False,
) -> BuiltImage:
    """Have the game's image on the engine. `auto` tries the Dockerfile first and says why it goes on without it.

    Raises `ImageBuildFailed` with what to do about it.
    """
    digest = await asyncio.to_thread(inputs_digest, game, folder)
    existing = await _find(game, engine)
    if existing and not force and (existing["Config"].get("Labels") or {}).get(INPUTS_LABEL) == digest:
        progress(f"{game.image.reference} is up to date")
        return BuiltImage(game.image.reference, existing["Id"], built=False)
    for build in _ways(game, folder, prefer):
        try:
            await build(game, folder, digest, engine, progress)
        except ImageBuildFailed as error:
            if build is not _from_dockerfile or prefer == "dockerfile" or game.image.debian is None:
                raise
            progress(f"{error.message} Building it from Debian packages instead.")
        else:
            break
    image = await _find(game, engine)
    if image is None:
        raise _failed(game, "the engine does not know the image it has just built", "Look into the engine's log.")
    if existing and existing["Id"] != image["Id"]:
        await _drop(existing["Id"], engine)
    progress(f"{game.image.reference} is built, {image['Size'] / 1e6:.0f} MB")
    return BuiltImage(game.image.reference, image["Id"], built=True)


def inputs_digest(game: Game, folder: Path) -> str:
    """A digest of what the image is made of; which way it is built does not matter."""
    digest = hashlib.sha256(f"{_BUILDER}\n{game.image.model_dump_json()}\n{game.workdir}".encode())
    for file in _context(game, folder):
        digest.update(f"\n{file.relative_to(folder)} {file.stat().st_mode & 0o777:o}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


_Build = Callable[[Game, Path, str, Docker, Progress], Awaitable[None]]


def _ways(game: Game, folder: Path, prefer: Prefer) -> list[_Build]:
    dockerfile = [_from_dockerfile] if prefer != "debian" and (folder / "Dockerfile").is_file() else []
    debian = [_from_debian] if prefer != "dockerfile" and game.image.debian else []
    if not dockerfile + debian:
        what = f"Give {folder} a Dockerfile, or its game.toml an [image.debian] table."
        raise _failed(game, f"there is no way to build it that {prefer!r} allows", what)
    return [*dockerfile, *debian]


def _context(game: Game, folder: Path) -> list[Path]:
    """The files an image may be made of; templates and notes beside them are none of its business."""
    files = [folder / "Dockerfile", *(folder / name for name in game.image.files)]
    return sorted(file for file in files if file.is_file())


async def _from_dockerfile(game: Game, folder: Path, digest: str, engine: Docker, progress: Progress) -> None:
    dockerfile = await asyncio.to_thread((folder / "Dockerfile").read_text)
    for base in dict.fromkeys(_FROM.findall(dockerfile)):
        await _have_base(game, base, engine, progress)
    context = await asyncio.to_thread(_pack, _context(game, folder), folder)
    labels = json.dumps({INPUTS_LABEL: digest})
    params = [("t", game.image.reference), ("labels", labels), ("rm", "1"), ("forcerm", "1")]
    with _explained(game, "Read the lines above; the failing step is the last one."):
        async for step in _steps(engine, "build", params, context, _BUILD_SECONDS):
            if line := step.get("stream", "").rstrip():
                progress(line)


async def _have_base(game: Game, base: str, engine: Docker, progress: Progress) -> None:
    if base == "scratch" or await _inspect(game, base, engine):
        return
    progress(f"pulling the base image {base}")
    name = base if ":" in base.rpartition("/")[2] else f"{base}:latest"
    with _explained(game, f"Make a registry reachable, or bring {base} with `docker load`."):
        async for _step in _steps(engine, "images/create", [("fromImage", name)], None, _PULL_SECONDS):
            pass


async def _from_debian(game: Game, folder: Path, digest: str, engine: Docker, progress: Progress) -> None:
    assert game.image.debian is not None
    what = "Check that `apt-get update` works on this machine and that it knows the packages, and its free disk."
    files = {folder / source: place for source, place in game.image.files.items()}
    with tempfile.TemporaryDirectory(prefix="hytopus-image-") as scratch:
        rootfs = Path(scratch) / "rootfs.tar"
        try:
            await make_rootfs(game.image.debian, files, rootfs, progress=progress)
        except (ToolFailed, OSError, tarfile.TarError) as error:
            packages = ", ".join(game.image.debian.packages)
            raise _failed(game, f"from the packages {packages}: {error}", what) from error
        await _import(game, rootfs, digest, engine)


async def _import(game: Game, rootfs: Path, digest: str, engine: Docker) -> None:
    repository, _, tag = game.image.reference.rpartition(":")
    changes = [f"ENV PATH={_PATH}", f"WORKDIR {game.workdir}", f"LABEL {INPUTS_LABEL}={digest}"]
    params = [("fromSrc", "-"), ("repo", repository), ("tag", tag), *(("changes", change) for change in changes)]
    with _explained(game, "Look into the engine's log; it may have run out of disk."), rootfs.open("rb") as archive:
        async for _step in _steps(engine, "images/create", params, archive, _BUILD_SECONDS):
            pass


async def _find(game: Game, engine: Docker) -> Any:
    return await _inspect(game, game.image.reference, engine)


async def _inspect(game: Game, reference: str, engine: Docker) -> Any:
    """What the engine knows of an image; None for one it does not have."""
    with _explained(game, "Check `systemctl status docker`."):
        try:
            return await engine.images.inspect(reference)
        except DockerError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise


async def _drop(image_id: str, engine: Docker) -> None:
    """Remove an image that lost its name to a newer one; containers that still run it keep it."""
    with suppress(DockerError):
        await engine.images.delete(image_id)


async def _steps(
    engine: Docker, path: str, params: list[tuple[str, str]], data: Any, seconds: float
) -> AsyncIterator[dict[str, Any]]:
    """The engine's progress, document by document; raises `DockerError` for the one that tells of an error."""
    url = URL(path).with_query(params)
    headers = {"Content-Type": "application/x-tar"}
    timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=5)
    async with await engine._do_query(url, "POST", data=data, headers=headers, timeout=timeout) as response:
        async for line in response.content:
            step: dict[str, Any] = json.loads(line)
            if "error" in step:
                raise DockerError(HTTPStatus.INTERNAL_SERVER_ERROR, step["error"])
            yield step


def _pack(files: list[Path], folder: Path) -> bytes:
    """The files as the context of a build. They are scripts and recipes, so they fit in memory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in files:
            archive.add(file, str(file.relative_to(folder)), recursive=False)
    return buffer.getvalue()


@contextmanager
def _explained(game: Game, what: str) -> Iterator[None]:
    try:
        yield
    except DockerError as error:
        raise _failed(game, error.message, what) from error
    except TimeoutError as error:
        raise _failed(game, "the engine took too long", what) from error
    except aiohttp.ClientError as error:
        raise _failed(game, f"the engine does not answer: {error}", "Check `systemctl status docker`.") from error


def _failed(game: Game, why: str, what: str) -> ImageBuildFailed:
    return ImageBuildFailed(image=game.image.reference, game=game.name, why=why, what=what)
