"""Looking at one file: as text, without secrets, and never more of it than a screen can bear. Blocking."""

from __future__ import annotations

import codecs
import hashlib
import os
from dataclasses import dataclass
from typing import Final

from hytopus.layers.substitute import SNIFF, substitute
from hytopus.node.files.own import Change
from hytopus.node.files.secrets import Secrets
from hytopus.node.files.tree import FileTree, Item

TEXT_LIMIT: Final = 1 << 20
"""Bytes of a file that are shown, and that may be written as text."""
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class View:
    """What is shown of a file. `digest` (SHA-256, hex) is that of all its bytes; empty where it was cut.

    `encoding` is `utf-8`, `other` (text, with replacement characters) or `binary` (then there is no text).
    """

    text: str
    encoding: str
    size: int
    digest: str
    cut: bool
    masked: tuple[str, ...]


def view(tree: FileTree, item: Item, secrets: Secrets) -> View:
    """Raises `NotAFile`, `FileMissing`."""
    fd = tree.open(item)
    try:
        data = read_upto(fd, TEXT_LIMIT + 1)
        size = max(len(data), os.fstat(fd).st_size)
    finally:
        os.close(fd)
    cut = len(data) > TEXT_LIMIT
    digest = "" if cut else hashlib.sha256(data).hexdigest()
    shown = data[:TEXT_LIMIT]
    encoding = encoding_of(shown, cut=cut)
    if encoding == "binary":
        return View("", encoding, size, digest, cut, ())
    if item.substituted and item.change is Change.NONE and tree.sources.rendered:
        text, masked = _rendered(tree, item.path, secrets)
    else:
        text, masked = secrets.hide(_text(shown))
    if cut and secrets.longest:
        text = text[: 1 - secrets.longest or None]  # what is left of a secret that the cut went through
    return View(text, encoding, size, digest, cut, tuple(masked))


def encoding_of(data: bytes, *, cut: bool = False) -> str:
    """How the first bytes of a file are to be taken."""
    if b"\0" in data[:SNIFF]:
        return "binary"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=not cut)
    except UnicodeDecodeError:
        return "other"
    return "utf-8"


def read_upto(fd: int, size: int) -> bytes:
    """At most so many bytes, from where the descriptor stands."""
    parts = []
    while size > 0 and (data := os.read(fd, min(size, _CHUNK))):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def digest_of(fd: int) -> str:
    """SHA-256 of what is left to read, in hex."""
    found = hashlib.sha256()
    while data := os.read(fd, _CHUNK):
        found.update(data)
    return found.hexdigest()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _rendered(tree: FileTree, path: str, secrets: Secrets) -> tuple[str, list[str]]:
    """Rendered once more with marks: exact, whatever a secret's value looks like."""
    one = tree.substituted[path]
    fd = tree.open_template(path)
    try:
        source = read_upto(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)
    allowed = frozenset(tree.layers[one.layer].rules.substitute.allow_unresolved)
    data, _ = substitute(source, secrets.marked, allow=allowed)
    return _text(data[:TEXT_LIMIT]), secrets.used(one.names)
