"""Images: is it here, and if not, can it be had."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiohttp
from aiodocker import Docker, DockerError

from hytopus.node.runtime.base import ImageMissing, NoSpaceLeft
from hytopus.node.runtime.docker.client import call, json_lines, stream
from hytopus.node.runtime.docker.errors import is_missing, typed, unavailable

Progress = Callable[[str], None]
"""Told one line for people at a time."""

_QUIET: Final = frozenset({"Downloading", "Extracting", "Waiting", "Verifying Checksum", "Pulling fs layer"})
"""Steps the engine reports many times a second."""


async def has_image(docker: Docker, reference: str) -> bool:
    try:
        await call(docker, "GET", f"images/{reference}/json")
    except DockerError as error:
        if is_missing(error):
            return False
        raise
    return True


async def pull_image(docker: Docker, reference: str, *, game: str, seconds: float, progress: Progress) -> None:
    """Pull, telling how far it is; raises `ImageMissing` with the registry's reason."""
    repository, tag = _split(reference)
    try:
        async with (
            asyncio.timeout(seconds),
            stream(docker, "POST", "images/create", params={"fromImage": repository, "tag": tag}) as response,
        ):
            async for step in json_lines(response):
                _follow(step, reference, progress)
    except _PullRefused as error:
        raise _why(reference, game, str(error)) from error
    except DockerError as error:
        cause = typed(error, "pull the image for", game)
        raise _why(reference, game, error.message) if error.status in _REFUSED else cause from error
    except TimeoutError as error:
        raise ImageMissing(image=reference, game=game, why=f"pulling took longer than {seconds:.0f} s") from error
    except aiohttp.ClientError as error:
        raise unavailable(error) from error


_REFUSED: Final = frozenset({400, 401, 403, 404, 500})


class _PullRefused(Exception):
    pass


def _follow(step: dict[str, Any], reference: str, progress: Progress) -> None:
    if "error" in step:
        raise _PullRefused(step["error"])
    status = step.get("status", "")
    if status not in _QUIET:
        progress(f"{reference}: {status}")


def _why(reference: str, game: str, text: str) -> ImageMissing | NoSpaceLeft:
    if "no space left on device" in text:
        return NoSpaceLeft(verb=f"pull the image {reference}")
    return ImageMissing(image=reference, game=game, why=text)


def _split(reference: str) -> tuple[str, str]:
    """Repository and tag (or digest); without a tag the engine would pull all of them."""
    if "@" in reference:
        repository, _, digest = reference.partition("@")
        return repository, digest
    repository, colon, tag = reference.rpartition(":")
    if not colon or "/" in tag:
        return reference, "latest"
    return repository, tag
