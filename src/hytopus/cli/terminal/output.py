"""Results on standard output: JSON for scripts, tables and short lines for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hytopus.cli.terminal.sanitise import sanitise_json, sanitise_line

_STATE_STYLES: Final = {
    "running": "green",
    "online": "green",
    "failed": "bold red",
    "offline": "red",
    "lost": "red",
    "suspect": "yellow",
    "requested": "yellow",
    "preparing": "cyan",
    "starting": "cyan",
    "stopping": "cyan",
    "moving": "cyan",
    "stopped": "dim",
    "destroyed": "dim",
}
_WIDE: Final = 400
"""Columns when the output is not a terminal, so that nothing is cut off."""


def print_json(document: Any) -> None:
    """One JSON document; keys as the API names them."""
    print(sanitise_json(json.dumps(document, indent=2, ensure_ascii=False, default=str)))


def print_json_line(document: Any) -> None:
    """One document on one line, at once: for streams."""
    print(sanitise_json(json.dumps(document, ensure_ascii=False, default=str)), flush=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """A table; `empty` is said where there are no rows. Cells may be ready-made `Text`."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - used after the loop
        table.add_row(*(cell(value) for value in row))
    if not count:
        print(empty)
        return
    _print(table)


def print_fields(fields: Mapping[str, Any]) -> None:
    """Name and value on a line each; fields without a value are left out."""
    shown = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in shown.items():
        table.add_row(Text(name), cell(value))
    _print(table)


def say(text: str) -> None:
    """One line for a person; values in it must have been through `sanitise_line` (f-strings of `plain`)."""
    print(text, flush=True)


def note(text: str) -> None:
    """One line about what is going on, on standard error: it never mixes with a result."""
    print(text, file=sys.stderr, flush=True)


def cell(value: Any) -> Text:
    return value if isinstance(value, Text) else Text(plain(value))


def plain(value: Any) -> str:
    """A value as one harmless line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(name)}={plain(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(inner) for inner in value)
    return sanitise_line(str(value))


def state_text(value: str | None) -> Text:
    return Text(plain(value), style=_STATE_STYLES.get(value or "", ""))


def size(count: float | None) -> str:
    """Bytes for a person."""
    if count is None:
        return "-"
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def age(moment: str | None, *, now: datetime | None = None) -> str:
    """How long ago an API time was."""
    if not moment:
        return "-"
    seconds = ((now or datetime.now(UTC)) - parse_time(moment)).total_seconds()
    if seconds < 0:
        return "now"
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def until(moment: str, *, now: datetime | None = None) -> str:
    """How long it is to an API time; nothing when it has come."""
    seconds = (parse_time(moment) - (now or datetime.now(UTC))).total_seconds()
    return f"{seconds:.0f} s" if seconds > 0 else ""


def clock_time(moment: str | None) -> str:
    """An API time as a person here reads it."""
    return parse_time(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "-"


def _print(table: Table) -> None:
    width = None if sys.stdout.isatty() else _WIDE
    console = Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():  # without the blanks that fill up the last column
        print(line.rstrip())


def parse_time(moment: str) -> datetime:
    parsed = datetime.fromisoformat(moment)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
