"""The database: room and speed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

LEAST_BYTES: Final = 2 * 2**30
SLOW_MS: Final = 1000.0


def check(facts: Facts) -> Iterator[Finding]:
    database = facts.database
    if database.disk_free is not None and database.disk_free < max(LEAST_BYTES, database.bytes):
        yield Finding(
            "database_disk_nearly_full",
            Severity.ERROR if database.disk_free < LEAST_BYTES // 4 else Severity.WARNING,
            "the database",
            "The disk it lies on is nearly full; a database without room stops the Brain.",
            f"It has {database.bytes // 2**20} MB, {database.disk_free // 2**20} MB are free.",
            "Give it room, or keep less: history.days, history.event_days.",
            params={"taken_mb": database.bytes // 2**20, "free_mb": database.disk_free // 2**20},
        )
    if database.write_p99_ms is not None and database.write_p99_ms > SLOW_MS:
        yield Finding(
            "database_slow",
            Severity.WARNING,
            "the database",
            "It is slow to write.",
            f"One transaction in a hundred takes longer than {database.write_p99_ms:.0f} ms.",
            "Put it on a faster disk, or give PostgreSQL a machine of its own.",
            params={"ms": round(database.write_p99_ms)},
        )
