"""What every command that talks to a Brain takes, and how it opens the connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from cyclopts import App, Parameter

from hytopus.cli.connection.client import Api
from hytopus.cli.connection.credentials import resolve


@Parameter(name="*", group="Common")
@dataclass(frozen=True, slots=True)
class Options:
    json: bool = False
    """Print JSON on standard output, for scripts."""

    url: str | None = None
    """Address of the Brain (also HYTOPUS_URL), or several with commas between them: the first that answers is used. By
    default the one you logged in to."""


DEFAULTS: Final = Options()

PARAMETER: Final = Parameter(negative=(), show_default=False)
"""What holds for the options of all commands: a flag has no `--no-…` unless it says so."""


@asynccontextmanager
async def connect(options: Options) -> AsyncIterator[Api]:
    """The Brain these options mean, as whoever is logged in."""
    async with Api.open(resolve(options.url)) as api:
        yield api


def group(name: str, description: str) -> App:
    """A group of commands."""
    return App(name, help=description, default_parameter=PARAMETER)
