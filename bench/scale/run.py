"""All rows of the fleet: one Brain, a real PostgreSQL, and 100, 300 and 1,000 nodes with ten instances each.

The Brain runs as a process of its own, so that its processor time is its own; the nodes share another. All of it is
on one machine, though: latencies hold what the nodes, PostgreSQL and the client cost on the same cores.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.files.row import Row
from bench.scale.figures import Figures, Latency
from bench.scale.measuring import measure_fleet
from tests.fleet.installation import installed
from tests.fleet.load import BATCH
from tests.services.postgres import running_postgres
from tests.services.seaweed import running_s3

FLEETS: Final = (100, 300, 1_000)
EACH: Final = 10
CREATIONS: Final = 1_000


async def measure(work: Path, *, quick: bool) -> list[Row]:
    """Every fleet has a Brain and a database of its own."""
    found: dict[int, Figures] = {}
    directory = Path(tempfile.mkdtemp(prefix="scale-", dir=work))
    (directory / "s3").mkdir()
    with running_postgres(durable=True) as postgres, running_s3(directory / "s3") as s3:
        for fleet in FLEETS[:-1] if quick else FLEETS:
            name = postgres.create_database()
            async with installed(directory / str(fleet), postgres.url(name), s3, fleet=fleet, each=EACH) as opened:
                found[fleet] = await measure_fleet(opened, creations=CREATIONS * fleet // FLEETS[-1])
            postgres.drop_database(name)
    smallest, largest = min(found), max(found)
    _print_routes(found[largest], largest)
    return [*_targets(found[largest], largest), *_growth(found[smallest], found[largest], smallest, largest)]


def _targets(at: Figures, fleet: int) -> list[Row]:
    within = f"{fleet:,} nodes, {fleet * EACH:,} instances"
    return [
        _limit(f"{within}: heartbeats every 5 s, cores of the Brain", 1, at.cores, "cores"),
        _limit(f"{within}: the same while the live feed shows every load", 1, at.cores_watched, "cores"),
        _limit(f"{within}: state change at the node to SSE client, p99", 250, at.change_p99_ms, "ms"),
        _limit(f"{within}: list of instances, a page of 100, p99", 50, at.pages.p99_ms, "ms"),
        _limit(f"{within}: list of instances, a page of 500 as the panel asks, p99", 50, at.panel.p99_ms, "ms"),
        _limit(f"{within}: {at.creations:,} created by a request each, and placed", 10, at.placed_s, "s"),
        _limit(f"{within}: {at.creations:,} created by requests of {BATCH}, and placed", 10, at.batch_placed_s, "s"),
        _limit(f"{within}: worst transaction of the history", 100, at.history_worst_ms, "ms"),
        _limit(f"{within}: requests lost while {at.creations:,} instances are created", 1, len(at.lost) + 0.5, "+0.5"),
        *_at_full_speed(f"{within}: the same page of 100", at.pages),
        *_at_full_speed(f"{within}: the same page of 500", at.panel),
        Row(f"{within}: created by a request each until all run", 0, at.running_s, 0, None, True, "s"),
        Row(f"{within}: created by requests of {BATCH} until all run", 0, at.batch_running_s, 0, None, True, "s"),
        Row(f"{within}: memory of the Brain", 0, at.memory_mb, 0, None, True, "MB"),
        Row(f"{within}: every node has a session", 0, at.connected_s, 0, None, True, "s"),
    ]


def _growth(small: Figures, large: Figures, smallest: int, largest: int) -> list[Row]:
    named = f"from {smallest} to {largest:,} nodes"
    return [
        _grown(f"{named}: cores of the Brain", small.cores, large.cores, "cores"),
        _grown(f"{named}: state change to SSE client, p99", small.change_p99_ms, large.change_p99_ms, "ms"),
        _grown(f"{named}: list of 100 instances, p99", small.pages.p99_ms, large.pages.p99_ms, "ms"),
        _grown(f"{named}: one creation, placed", small.placed_each_ms, large.placed_each_ms, "ms"),
        _grown(f"{named}: memory of the Brain", small.memory_mb, large.memory_mb, "MB"),
    ]


def _at_full_speed(name: str, at: Latency) -> list[Row]:
    """For information: what of a latency is not the machine's own doing."""
    share = f"{at.full_share:.0%} of the answers"
    return [
        Row(f"{name}, p50", 0, at.p50_ms, 0, None, True, "ms"),
        Row(f"{name}, p99 while the machine ran at full speed ({share})", 0, at.full_p99_ms, 0, None, True, "ms"),
    ]


def _limit(name: str, most: float, ours: float, unit: str) -> Row:
    """Good where ours is at most the limit; the ratio says how many times."""
    return Row.at_least(name, most, ours, 1, unit=unit)


def _grown(name: str, small: float, large: float, unit: str) -> Row:
    """For information: what ten times the fleet makes of it."""
    return Row(name, small, large, large / small, None, True, unit)


def _print_routes(at: Figures, fleet: int) -> None:
    console = Console(width=160)
    console.print(at.routes(f"{fleet:,} nodes: the API while {at.creations:,} instances are created"))
    for line in at.lost[:10]:
        console.print(f"lost: {line}")
