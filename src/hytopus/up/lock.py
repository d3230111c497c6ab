"""Only one `hytopus up` in a data directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hytopus.up.errors import AlreadyUp


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the directory's lock; raises `AlreadyUp` with the holder's process id.

    The lock ends with the process, however that ends, so nothing stale can ever hold it.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o755)
    with (data_dir / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyUp(data_dir=data_dir, pid=file.read().strip() or "unknown") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
