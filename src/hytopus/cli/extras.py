"""Commands that need more than the bare client: which extra brings it, and settings that can be wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from hytopus.cli.failure import BadSettings, ExtraMissing


@contextmanager
def needs(extra: str, command: str) -> Iterator[None]:
    """Imports in the block may fail only because the extra is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("hytopus"):
            raise
        raise ExtraMissing(command=command, module=error.name, extra=extra) from error


@contextmanager
def reading_settings(role: str) -> Iterator[None]:
    """Settings that do not hold are named as an operator writes them: `http.listen`."""
    try:
        yield
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise BadSettings(role=role, why=wrong, variable=f"HYTOPUS_{role.upper()}__") from error
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(role=role, why=str(error), variable=f"HYTOPUS_{role.upper()}__") from error
