"""Progress of long work on standard error, at a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.status import Status

from hytopus.cli.terminal.output import plain


@contextmanager
def bytes_bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar for `total` bytes; the function given takes how many more are done."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, markup=False)) as progress:
        task = progress.add_task(label, total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def last_line(label: str) -> Iterator[Callable[[str], None]]:
    """A spinner with the newest line of something talkative; the function given takes each line."""
    if not sys.stderr.isatty():
        yield lambda _line: None
        return
    console = Console(stderr=True, markup=False, highlight=False)
    with Status(label, console=console) as status:
        yield lambda line: status.update(f"{label}: {plain(line)[: console.width - len(label) - 6]}")


@contextmanager
def steps_bar(label: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """A bar for `total` things; the function given takes how many are done, and what is next."""
    if not sys.stderr.isatty():
        yield lambda _count, _next: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, markup=False)) as progress:
        task = progress.add_task(label, total=total)
        yield lambda count, what: progress.update(task, completed=count, description=f"{label} {plain(what)}".strip())
