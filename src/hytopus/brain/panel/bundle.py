"""The built panel in memory: every file, its compressed forms and its validator. No request touches a disk."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import hytopus

IMMUTABLE: Final = "/_nuxt/"
"""Below this, a file's name changes with its content."""
_CODINGS: Final = MappingProxyType({".br": "br", ".gz": "gzip"})
"""Content codings by the suffix the build gives them, the best one first."""
_INLINE_SCRIPT: Final = re.compile(rb"<script\b(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_TYPES: Final = MappingProxyType({".js": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"})
"""The machine's own table of types may know better, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `bodies` are by content coding; the plain one is under the empty name."""

    media_type: str
    etag: str
    immutable: bool
    bodies: Mapping[str, bytes]

    def best(self, accepted: str) -> tuple[str, bytes]:
        """The coding to answer with, and the bytes, for an `Accept-Encoding`."""
        wanted = {name for name, quality in _codings(accepted) if quality > 0}
        for coding in _CODINGS.values():
            if coding in wanted and coding in self.bodies:
                return coding, self.bodies[coding]
        return "", self.bodies[""]


@dataclass(frozen=True, slots=True)
class Bundle:
    """The panel as it was built. `assets` are by path, `/favicon.svg`; `index` is the page that every address gets."""

    assets: Mapping[str, Asset]
    index: Asset
    script_hashes: tuple[str, ...]
    """Of the scripts that stand in the page itself, as a content security policy names them."""


def find() -> Path | None:
    """Where a built panel would be: beside this file in an installed package, in `panel/` of a checkout."""
    packed = Path(__file__).parent / "public"
    if packed.is_dir():
        return packed
    place = checkout()
    return place / "panel" / ".output" / "public" if place else None


def checkout() -> Path | None:
    """The checkout this Hytopus runs from, where it does."""
    place = Path(hytopus.__file__).parents[2]
    return place if (place / "panel" / "nuxt.config.ts").is_file() else None


def read(directory: Path) -> Bundle:
    """Raises `FileNotFoundError` if there is no built panel in the directory."""
    assets = {
        f"/{file.relative_to(directory).as_posix()}": _asset(file, directory)
        for file in sorted(directory.rglob("*"))
        if file.is_file() and file.suffix not in _CODINGS
    }
    page = (directory / "index.html").read_bytes()
    return Bundle(assets, assets["/index.html"], tuple(_hash(script) for script in _INLINE_SCRIPT.findall(page)))


def _asset(file: Path, directory: Path) -> Asset:
    bodies = {"": file.read_bytes()}
    for suffix, coding in _CODINGS.items():
        packed = file.with_name(file.name + suffix)
        if packed.is_file():
            bodies[coding] = packed.read_bytes()
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return Asset(
        media_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        etag=f'W/"{hashlib.sha256(bodies[""]).hexdigest()[:24]}"',  # weak: the codings are not the same bytes
        immutable=f"/{file.relative_to(directory).as_posix()}".startswith(IMMUTABLE),
        bodies=bodies,
    )


def _hash(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


def _codings(accepted: str) -> Iterator[tuple[str, float]]:
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        try:
            yield name.strip(), float(weight.partition("=")[2] or 1)
        except ValueError:
            yield name.strip(), 0
