"""Paths as people and JSON can carry them, and back.

A game server may call its files anything. Control characters, what is not UTF-8, marks that turn the direction of
writing, and `%` itself are written as `%XX`, byte by byte; everything else stays as it is.
"""

from __future__ import annotations

import re
from typing import Final

from hytopus.layers.names import MAX_NAME, MAX_PATH
from hytopus.node.files.errors import BadPath

_ODD: Final = re.compile(r"[%\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def shown(path: str) -> str:
    """A path of the file system as text.

    >>> shown("logs/caf\\udce9\\n100%")
    'logs/caf%E9%0A100%25'
    """
    return _ODD.sub(lambda match: "".join(f"%{byte:02X}" for byte in _bytes(match[0])), path)


def meant(text: str) -> str:
    """The path a text stands for, without empty components; empty for the root. Raises `BadPath`."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadPath(path=repr(text), why="it is not valid text") from error
    path = _ESCAPES.sub(lambda match: _decoded(match[0]), text)
    if path.startswith("/"):
        raise BadPath(path=text, why="it is absolute")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadPath(path=text, why="it climbs with `..`")
    if "\0" in path:
        raise BadPath(path=text, why="it has a NUL")
    path = "/".join(parts)
    if len(_bytes(path)) > MAX_PATH or any(len(_bytes(part)) > MAX_NAME for part in parts):
        raise BadPath(path=f"{text[:40]}…", why="it is too long")
    return path


def _decoded(escapes: str) -> str:
    return bytes.fromhex(escapes.replace("%", "")).decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
