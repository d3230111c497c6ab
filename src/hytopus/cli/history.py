"""`hytopus history`: how busy everything was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.failure import Usage
from hytopus.cli.terminal.output import print_json, print_table

_BARS: Final = "▁▂▃▄▅▆▇█"
_WIDTH: Final = 48
_PATHS: Final = {"node": "/nodes/{}/history", "instance": "/instances/{}/history"}


async def history(
    subject: str = "",
    /,
    *,
    past: Annotated[Literal["1h", "24h", "7d", "30d"], Parameter(name="--range")] = "24h",
    options: Options = DEFAULTS,
) -> None:
    """Show how busy everything was, or one node or instance.

    Parameters
    ----------
    subject
        `node:NAME` or `instance:NAME`; without it, the whole fleet.
    past
        How far back.
    """
    async with connect(options) as api:
        found = await api.get(_path(subject), range=past)
    if options.json:
        print_json(found)
        return
    rows = (row for name, values in sorted(found["series"].items()) if (row := _row(name, values)))
    print_table(("SERIES", "OVER TIME", "LOWEST", "MEAN", "HIGHEST", "LAST"), rows, empty="Nothing was measured yet.")


def _path(subject: str) -> str:
    if not subject:
        return "/history"
    kind, _, name = subject.partition(":")
    if kind not in _PATHS or not name:
        raise Usage(why=f"history takes node:NAME or instance:NAME, not {subject!r}")
    return _PATHS[kind].format(name)


def _row(name: str, values: Sequence[float | None]) -> Sequence[Any] | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean = sum(known) / len(known)
    return name, sparkline(values), *(f"{value:g}" for value in (min(known), round(mean, 1), max(known), known[-1]))


def sparkline(values: Sequence[float | None], width: int = _WIDTH) -> str:
    """A line of small bars from 0 to the highest value; blank where nothing is known."""
    size = max(1, -(-len(values) // width))
    parts = [[value for value in values[at : at + size] if value is not None] for at in range(0, len(values), size)]
    heights = [max(part) if part else None for part in parts]
    top = max((height for height in heights if height), default=0) or 1
    return "".join(" " if height is None else _BARS[round(height / top * (len(_BARS) - 1))] for height in heights)
