"""A crash bundle: one ZIP archive with `crash.json`, `log.txt` and the files that the game leaves when it crashes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hytopus.wire.messages import LogLine

EXCERPT: Final = 100
"""Lines of the log that travel with the report; the bundle has all of them."""
EXCERPT_CHARACTERS: Final = 16_384

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The same crash makes the same bytes."""


@dataclass(frozen=True, slots=True)
class Bundle:
    crash_id: str
    facts: Mapping[str, Any]
    """`crash.json`; plain values only, secrets masked."""
    lines: Sequence[LogLine]
    files: Mapping[str, bytes]
    """Below `files/`."""

    def pack(self) -> bytes:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            self._add(target, "crash.json", json.dumps(self.facts, indent=1, sort_keys=True).encode())
            log = "".join(f"{line.at} {line.text}\n" for line in self.lines)
            self._add(target, "log.txt", log.encode(errors="replace"))
            for name, content in sorted(self.files.items()):
                self._add(target, f"files/{name}", content)
        return archive.getvalue()

    def excerpt(self) -> list[str]:
        """The last lines, as many as may travel."""
        kept: list[str] = []
        left = EXCERPT_CHARACTERS
        for line in reversed(self.lines[-EXCERPT:]):
            left -= len(line.text)
            if left < 0:
                break
            kept.append(line.text)
        return kept[::-1]

    def _add(self, target: zipfile.ZipFile, name: str, content: bytes) -> None:
        target.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
