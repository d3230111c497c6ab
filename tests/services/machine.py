"""What the machine offers, and putting on it what tests need."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest


def install(*packages: str, needed_for: str) -> None:
    """Install Debian packages, saying so. Where that cannot be, the test is skipped with the reason."""
    if not is_ours():
        unavailable(f"{needed_for} needs {', '.join(packages)}, which only root can install on Debian or Ubuntu")
    with machine_lock("apt"):
        say(f"installing {' '.join(packages)} with apt-get, because {needed_for} needs it")
        done = _apt_get("install", *packages)
        if done.returncode:  # the lists may be missing or old
            _apt_get("update")
            done = _apt_get("install", *packages)
    if done.returncode:
        pytest.fail(f"apt-get could not install {' '.join(packages)}:\n{done.stdout[-2000:]}", pytrace=False)


def is_ours() -> bool:
    """Root on Debian or Ubuntu: nothing may be skipped here."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def unavailable(reason: str) -> NoReturn:
    """Skip with a plain reason; on a machine where we may install things that is a failure instead."""
    if is_ours():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def say(text: str) -> None:
    """Past pytest's capturing, to the terminal."""
    print(f"[services] {text}", file=sys.__stderr__, flush=True)


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """One process of this machine at a time, pytest-xdist's workers included."""
    with (Path(tempfile.gettempdir()) / f"hytopus-test-{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _apt_get(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", "--no-install-recommends", *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
