"""The lines that fetching processes write for the agent: one JSON object each, short enough to arrive whole."""

from __future__ import annotations

import json
import os
from typing import Any, Final

from hytopus.errors import HytopusError
from hytopus.node.cache.errors import is_full

_OUT: Final = 1
_LONGEST: Final = 300


def say(**what: Any) -> None:
    """Raises BrokenPipeError where the agent has gone, which ends the process."""
    os.write(_OUT, json.dumps(what).encode() + b"\n")


def say_error(error: HytopusError) -> None:
    say(error=error.code, params={key: _short(value) for key, value in error.params.items()})


def say_os_error(error: OSError) -> None:
    """What the disk answered; the agent makes `disk_full` of it where that is the reason."""
    code = "disk_full" if is_full(error) else "fetch_failed"
    say(error=code, params={"why": _short(error.strerror or repr(error))})


def _short(value: Any) -> Any:
    return value[:_LONGEST] if isinstance(value, str) else value
