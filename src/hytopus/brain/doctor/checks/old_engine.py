"""A Docker Engine without the fixes and features that are relied upon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

OLDEST: Final = 20


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if node.engine_version and major(node.engine_version) < OLDEST:
            yield Finding(
                "old_engine",
                Severity.WARNING,
                node.subject,
                "Its Docker Engine is old.",
                f"It is version {node.engine_version}; {OLDEST} or newer is tested.",
                "Drain the node and install a current docker-ce or docker.io.",
                node.link,
                {"version": node.engine_version, "oldest": OLDEST},
            )


def major(version: str) -> int:
    first = version.partition(".")[0]
    return int(first) if first.isdigit() else OLDEST
