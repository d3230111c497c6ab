"""The files without which a database is not a Brain: its certificate authority and the key of its secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from hytopus.brain.backups.archive import file_line
from hytopus.kit.files import replace_file

_PATTERNS: Final = ("ca/*.key", "ca/*.pem", "ca/*.json")
"""Below the Brain's data directory."""
_SEALING: Final = "secrets.key"


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where a Brain has its keys."""

    data_dir: Path
    sealing: Path | None
    """The keys of the secrets in the database; None where the operator gives them another way."""

    def path(self, name: str) -> Path | None:
        """Where a file of a backup belongs; None where there is no place for it. Raises ValueError."""
        if name == _SEALING:
            return self.sealing
        path = (self.data_dir / name).resolve()
        if not path.is_relative_to(self.data_dir.resolve()):
            raise ValueError(f"{name} leads out of the data directory")
        return path

    async def collect(self) -> list[dict[str, str]]:
        """Lines for the archive."""
        return await asyncio.to_thread(self._collect)

    def differing(self, files: Mapping[str, bytes]) -> list[str]:
        """Files that are there already with other content; blocking."""
        return [name for name, data in files.items() if _exists_otherwise(self.path(name), data)]

    def place(self, files: Mapping[str, bytes], *, aside: str) -> None:
        """Write them, readable by the owner only; what differs is moved aside under the suffix. Blocking."""
        for name, data in files.items():
            path = self.path(name)
            if path is None:
                continue
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if _exists_otherwise(path, data):
                path.rename(path.with_name(path.name + aside))
            replace_file(path, data)

    def _collect(self) -> list[dict[str, str]]:
        found = {path for pattern in _PATTERNS for path in self.data_dir.glob(pattern)}
        lines = [file_line(str(path.relative_to(self.data_dir)), path.read_bytes()) for path in sorted(found)]
        if self.sealing is not None and self.sealing.exists():
            lines.append(file_line(_SEALING, self.sealing.read_bytes()))
        return lines


def is_key_file(name: str) -> bool:
    """Whether a backup may hold a file of that name."""
    return name == _SEALING or any(PurePosixPath(name).match(pattern) and name.count("/") == 1 for pattern in _PATTERNS)


def _exists_otherwise(path: Path | None, data: bytes) -> bool:
    return path is not None and path.exists() and path.read_bytes() != data
