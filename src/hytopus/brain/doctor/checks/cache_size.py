"""A template cache that takes much of its disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

SHARE: Final = 0.5


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if (
            node.load is not None
            and node.load.disk_total_mb
            and node.load.cache_bytes / 2**20 > SHARE * node.load.disk_total_mb
        ):
            yield Finding(
                "cache_too_large",
                Severity.NOTE,
                node.subject,
                "Its template cache takes much of the disk.",
                f"{node.load.cache_bytes // 2**20} of {node.load.disk_total_mb} MB.",
                "Set cache.max_mb or cache.max_days in the node's settings, or clear it: hytopus node purge.",
                node.link,
                {"cache_mb": node.load.cache_bytes // 2**20, "total_mb": node.load.disk_total_mb},
            )
