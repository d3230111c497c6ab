"""What a layer holds: every path with its kind, mode, size and placeholders, and the layer's own rules as text.

Kept beside an unpacked tree, so that nothing ever has to walk it. Imports stay few: a process that starts for each
download writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import ClassVar, Final, NamedTuple

from hytopus.errors import HytopusError

FILE: Final = "f"
DIRECTORY: Final = "d"
LINK: Final = "l"

DIRECTORY_MODE: Final = 0o755
"""Of directories that an archive only implies."""


class BadManifest(HytopusError):
    code: ClassVar[str] = "bad_manifest"
    template: ClassVar[str] = "A layer's manifest cannot be read: {why}"
    remedy: ClassVar[str] = "Purge the template from the node's cache; it is fetched anew."


class Entry(NamedTuple):
    """`names` are the variables a file uses; None where it holds no placeholder at all."""

    kind: str
    mode: int
    size: int = 0
    target: str = ""
    names: tuple[str, ...] | None = None


class Manifest:
    """A layer's entries in an order that has every directory before what it holds.

    `rules_text` is the text of its `template.toml`, which is not among the entries.
    """

    __slots__ = ("entries", "rules_text")

    def __init__(self, entries: dict[str, Entry] | None = None, rules_text: str = "") -> None:
        self.entries = {} if entries is None else entries
        self.rules_text = rules_text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and (self.entries, self.rules_text) == (other.entries, other.rules_text)

    __hash__ = None  # type: ignore[assignment]

    @property
    def files(self) -> int:
        return len(self._sizes())

    @property
    def size(self) -> int:
        """Bytes of all files together, as if none were shared."""
        return sum(self._sizes())

    def _sizes(self) -> list[int]:
        return [size for kind, _, size, _, _ in self.entries.values() if kind == FILE]

    def dump(self) -> bytes:
        """One JSON line of facts, then one line per entry; paths hold no control characters, so tabs separate."""
        head = {"format": 1, "rules": self.rules_text, "entries": len(self.entries)}
        lines, prefixes = [json.dumps(head)], _Prefixes()
        for path, (kind, mode, size, target, names) in self.entries.items():
            extra = target if names is None else "$" + " ".join(names)
            lines.append(f"{prefixes[kind, mode]}{size}\t{path}\t{extra}")
        return "\n".join([*lines, ""]).encode()

    @classmethod
    def load(cls, data: bytes) -> Manifest:
        """Raises `BadManifest` on anything but a whole dump."""
        try:
            first, _, rest = data.decode().partition("\n")
            head = json.loads(first)
            entries = dict(_parse(rest))
            if head["format"] != 1 or head["entries"] != len(entries):
                raise BadManifest(why="it is incomplete or of another format")
            return cls(entries, head["rules"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadManifest(why=repr(error)) from error


class _Prefixes(dict[tuple[str, int], str]):
    """How lines begin. Tens of thousands of entries share a few kinds and modes."""

    def __missing__(self, key: tuple[str, int]) -> str:
        kind, mode = key
        prefix = self[key] = f"{kind}\t{mode:o}\t"
        return prefix


def _parse(text: str) -> Iterator[tuple[str, Entry]]:
    for line in text.split("\n"):
        if not line:
            continue
        kind, mode, size, path, extra = line.split("\t")
        if kind == LINK:
            yield path, Entry(kind, int(mode, 8), int(size), extra)
        elif extra:
            yield path, Entry(kind, int(mode, 8), int(size), "", tuple(extra[1:].split()))
        else:
            yield path, Entry(kind, int(mode, 8), int(size))
