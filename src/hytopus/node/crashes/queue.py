"""Bundles that the Brain does not have yet, on the node's disk: bounded, and each under its own id exactly once."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hytopus.kit.files import replace_file
from hytopus.kit.logs import get_logger
from hytopus.node.crashes.bundle import Bundle
from hytopus.wire.messages import CrashReport

log = get_logger(__name__)

BUNDLES: Final = 100
BYTES: Final = 64 * 1024 * 1024
"""Together; beyond either, the oldest are dropped."""


@dataclass(frozen=True, slots=True)
class CrashQueue:
    """`<root>/<crash id>.json` says that the `.zip` beside it is complete. Every call blocks."""

    root: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Calls come from threads side by side."""

    def add(self, bundle: Bundle, summary: Mapping[str, Any]) -> None:
        """Keep a bundle; one with the same id is replaced. Raises OSError."""
        with self._lock:
            self._add(bundle, summary)

    def pending(self) -> list[CrashReport]:
        """Oldest first."""
        with self._lock:
            return [report for file in self._files() if (report := self._read(file)) is not None]

    def content(self, crash_id: str) -> bytes | None:
        """The bundle's bytes; None if it is not here any more."""
        try:
            return (self.root / f"{crash_id}.zip").read_bytes()
        except OSError:
            return None

    def forget(self, crash_id: str) -> None:
        """The Brain has it. Harmless for what is not here."""
        with self._lock:
            self._drop(crash_id)

    def _add(self, bundle: Bundle, summary: Mapping[str, Any]) -> None:
        content = bundle.pack()
        facts = bundle.facts
        report = {
            "crash_id": bundle.crash_id,
            "instance_id": facts["instance_id"],
            "generation": facts["generation"],
            "attempt": facts["attempt"],
            "at": facts["at"],
            "body": json.dumps({**summary, "excerpt": bundle.excerpt()}),
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(self.root / f"{bundle.crash_id}.zip", content)
        replace_file(self.root / f"{bundle.crash_id}.json", json.dumps(report).encode())
        self._keep_bounds()

    def _drop(self, crash_id: str) -> None:
        for suffix in (".json", ".zip"):
            (self.root / f"{crash_id}{suffix}").unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.root.glob("*.json"), key=lambda file: (file.stat().st_mtime_ns, file.name))

    def _read(self, file: Path) -> CrashReport | None:
        try:
            return CrashReport(**json.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            log.warning("a crash bundle makes no sense and is dropped", file=str(file), why=str(error))
            self._drop(file.stem)
            return None

    def _keep_bounds(self) -> None:
        files = self._files()
        sizes = [(self.root / f"{file.stem}.zip").stat().st_size for file in files]
        while len(files) > BUNDLES or sum(sizes) > BYTES:
            log.warning("too many crashes wait for the Brain; dropping the oldest", crash=files[0].stem)
            self._drop(files.pop(0).stem)
            sizes.pop(0)
