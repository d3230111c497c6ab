"""Many like instances at once: `hytopus instance create arena-{n} base arena --count 200`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from cyclopts import Parameter

from hytopus.cli.connection.client import Api, Json
from hytopus.cli.connection.options import Options
from hytopus.cli.failure import Usage
from hytopus.cli.instance.wait import Waiting, wait_until
from hytopus.cli.terminal.output import note, plain, print_json, say
from hytopus.errors import HytopusError

NUMBER: Final = "{n}"
_AT_ONCE: Final = 100
"""Created by one request, which is one transaction: all of them or, where the request fails, none."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Many:
    count: int | None = None
    """Create so many like it: NAME-1, NAME-2 …, or with the number where NAME says `{n}`."""

    first: int = 1
    """The first number."""


class NotAllCreated(HytopusError):
    code: ClassVar[str] = "not_all_created"
    template: ClassVar[str] = "{missing} of {count} were not created: {why}"
    remedy: ClassVar[str] = "The others are there; `--json` tells for each what became of it."


def names_of(pattern: str, many: Many) -> list[str]:
    """Raises `Usage` for numbers that cannot be."""
    if many.count is None or many.count < 1:
        raise Usage(why="--count takes how many to create, at least 1")
    if many.first < 0:
        raise Usage(why="--first takes the number of the first one, at least 0")
    pattern = pattern if NUMBER in pattern else f"{pattern}-{NUMBER}"
    return [pattern.replace(NUMBER, str(number)) for number in range(many.first, many.first + many.count)]


async def create_many(
    api: Api,
    names: Sequence[str],
    body: Json,
    key: str | None,
    goal: str | None,
    waiting: Waiting | None,
    options: Options,
) -> None:
    """Create them, some requests one after the other, and show the result."""
    results: list[Json] = []
    for start in range(0, len(names), _AT_ONCE):
        some = list(names[start : start + _AT_ONCE])
        part = None if key is None else f"{key}-{start}"
        results += (await api.post("/instances/batch", {**body, "names": some}, key=part))["items"]
        note(f"{sum(each['instance'] is not None for each in results)} of {len(names)} created")
    if waiting is not None and waiting.wait and goal is not None:
        await _wait(api, results, goal, waiting.timeout)
    _show(results, options)


async def _wait(api: Api, results: Sequence[Json], goal: str, timeout: float) -> None:
    """One after the other: they get there at the same time."""
    until = time.monotonic() + timeout
    for each in results:
        if each["instance"] is not None:
            left = max(0.0, until - time.monotonic())
            each["instance"] = await wait_until(api, each["instance"], None, goal, timeout=left)


def _show(results: Sequence[Json], options: Options) -> None:
    failed = [each for each in results if each["problem"] is not None]
    if options.json:
        print_json(results)
    else:
        made = [each["name"] for each in results if each["instance"] is not None]
        if made:
            say(
                f"{len(made)} created: {plain(made[0])} … {plain(made[-1])}."
                if made[1:]
                else f"{plain(made[0])} created."
            )
    if failed:
        why = "; ".join(dict.fromkeys(plain(each["problem"]["message"]) for each in failed[:3]))
        raise NotAllCreated(missing=len(failed), count=len(results), why=why)
