"""Servers as Docker sees them."""

from __future__ import annotations

import subprocess
from typing import Any, Final

from tests.services.stack import Stack

NEVER: Final[dict[str, Any]] = {"on": "never"}
"""A restart policy: whatever ends stays ended."""


def container(stack: Stack, name: str) -> str:
    """What Docker calls the container of an instance."""
    return f"hytopus-{stack.instance(name)['id']}"


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True, timeout=60).stdout
