"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from hytopus.kit.ids import new_id

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def replace_file(path: Path, content: bytes, *, durable: bool = True, shared: bool = False) -> None:
    """Write a file, or leave it as it is; never is it readable for others than its owner. Raises OSError. Blocking.

    `durable`: it survives a power cut. `shared`: another process may be at the same at this moment.
    """
    partial = unfinished(path, new_id() if shared else "new")
    partial.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(partial, _CREATE, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        partial.rename(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def unfinished(path: Path, ending: str = "new") -> Path:
    """What a process that was killed while it wrote leaves beside the file."""
    return path.with_name(f".{path.name}.{ending}")
