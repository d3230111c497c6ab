"""How much room a directory takes on its disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_BLOCK: Final = 512
"""What `st_blocks` counts in, whatever the file system."""


def taken_mb(root: Path) -> int:
    """Rounded up; holes do not count, what has several names counts once. A server may change it meanwhile.

    Bytes that a clone shares with what it was made of count all the same: the file system does not tell.
    """
    inodes = {(status.st_dev, status.st_ino): status.st_blocks * _BLOCK for status in _statuses(root)}
    return -(-sum(inodes.values()) // 2**20)


def _statuses(root: Path) -> Iterator[os.stat_result]:
    """Of everything below, following no link; what is gone before it was looked at is left out."""
    pending = [os.fspath(root)]
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as found:
            for entry in found:
                with suppress(OSError):
                    yield entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
