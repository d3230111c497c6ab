"""Commands that need more than the bare client say which extra brings it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hytopus.cli.failure import ExtraMissing


@contextmanager
def needs(extra: str, command: str) -> Iterator[None]:
    """Imports in the block may fail only because the extra is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("hytopus"):
            raise
        raise ExtraMissing(command=command, module=error.name, extra=extra) from error
