"""What an instance changed on another node, built in here.

    world.json     deleted paths, and mode and time of each path below
    files/…        what was added or changed, with the folders it lies in

Whichever way the directory was made, there or here, both sides see the same. Blocking: runs in a thread.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Final

from hytopus.node.materialise.changes import Changes, carry_over

META: Final = "world.json"
FILES: Final = "files"
OPAQUE: Final = "trusted.overlay.opaque"


def build_in(world: Path, target: Path, *, overlay: bool) -> None:
    """Make the changes of an unpacked world to a new directory, or to the upper one of an overlay."""
    known = json.loads((world / META).read_text())
    files, kept, deleted = world / FILES, tuple(known["modes"]), tuple(known["deleted"])
    _restore(files, known["modes"])
    if not overlay:
        carry_over(files, target, Changes(deleted, kept))
    else:
        carry_over(files, target, Changes((), kept))
        for path in deleted:
            _hide(target / path)
    # Durable before anybody says that it is here: the other copy is destroyed on our word.
    subprocess.run(["sync", "-f", str(target)], check=True, timeout=600)  # noqa: S603, S607 - coreutils, like `rm`


def _restore(files: Path, modes: dict[str, tuple[int, int]]) -> None:
    for path, (mode, changed) in modes.items():
        real = files / path
        if real.is_symlink():
            continue
        real.chmod(mode)
        if not real.is_dir():
            os.utime(real, ns=(changed, changed))


def _hide(path: Path) -> None:
    """What the layers have there must not show."""
    if path.is_symlink() or path.is_file():
        return
    if path.is_dir():
        os.setxattr(path, OPAQUE, b"y")
        return
    os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))
