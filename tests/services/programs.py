"""Small programs from Debian packages that tests and benchmarks call."""

from __future__ import annotations

import os
import shutil

from tests.services.machine import install

_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where `mkfs.xfs` lives; not in everybody's PATH."""


def ensure_program(name: str, *, package: str, needed_for: str) -> str:
    """The program's path; its package is installed first where it is missing."""
    path = os.pathsep.join((os.environ.get("PATH", ""), _SYSTEM))
    if (found := shutil.which(name, path=path)) is None:
        install(package, needed_for=needed_for)
        found = shutil.which(name, path=path)
    assert found is not None, f"{package} is installed, but {name} is nowhere"
    return found


def ensure_xfs() -> str:
    """`mkfs.xfs`, for disks with reflinks."""
    return ensure_program("mkfs.xfs", package="xfsprogs", needed_for="a disk with reflinks")
