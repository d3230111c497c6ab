"""Debian's Chromium for the tests, driven by Playwright."""

from __future__ import annotations

import shutil
from typing import Final

from tests.services.machine import install

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def ensure_installed() -> str:
    """The program's path."""
    if shutil.which("chromium") is None:
        install("chromium", needed_for="the tests of the panel")
    found = shutil.which("chromium")
    assert found is not None
    return found
