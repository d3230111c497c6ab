"""Running the tools of an operating system, line by line."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

Progress = Callable[[str], None]
"""Told one line for people at a time."""

_KEPT: Final = 15
_WIDEST: Final = 1024 * 1024


class ToolFailed(Exception):
    """A tool ended with an error; `tail` is the last it said."""

    def __init__(self, tool: str, code: int, tail: str) -> None:
        super().__init__(f"{tool} ended with {code}: {tail}")
        self.tool = tool
        self.tail = tail


async def run_tool(
    command: Sequence[str], *, progress: Progress, seconds: float, environment: Mapping[str, str] | None = None
) -> None:
    """Run to the end, telling every line; raises `ToolFailed`. Ended with whatever ends the caller."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **(environment or {})},
        start_new_session=True,
        limit=_WIDEST,
    )
    tail: deque[str] = deque(maxlen=_KEPT)
    try:
        async with asyncio.timeout(seconds):
            assert process.stdout is not None
            async for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip()
                if line:
                    tail.append(line)
                    progress(line)
            code = await process.wait()
    except TimeoutError as error:
        raise ToolFailed(command[0], -1, f"no end after {seconds:.0f} s; last: {' / '.join(tail)}") from error
    finally:
        await _end(process)
    if code:
        raise ToolFailed(command[0], code, "\n".join(tail))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()
