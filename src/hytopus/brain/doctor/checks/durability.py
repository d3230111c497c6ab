"""A PostgreSQL that was told not to keep what it confirms."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity


def check(facts: Facts) -> Iterator[Finding]:
    off = facts.database.durability_off
    if off:
        yield Finding(
            "database_not_durable",
            Severity.WARNING if set(off) == {"full_page_writes"} else Severity.ERROR,
            "the database",
            "A crash of PostgreSQL or its machine may take back what was confirmed, or damage the database for good.",
            f"Turned off there: {', '.join(off)}.",
            f"Turn it on (`ALTER SYSTEM RESET {off[0]}`, also where role or database have it, then "
            "`SELECT pg_reload_conf()`). Only full_page_writes may stay off, on a file system that never writes half "
            "a page, such as ZFS.",
            params={"settings": ", ".join(off), "first": off[0]},
        )
