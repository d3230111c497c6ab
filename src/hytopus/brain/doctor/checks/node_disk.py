"""A node's disk is nearly full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

NEARLY: Final = 0.10
FULL: Final = 0.03
LEAST_MB: Final = 1024


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        load = node.load
        if load is None or not load.disk_total_mb:
            continue
        free = load.disk_free_mb / load.disk_total_mb
        if free < NEARLY or load.disk_free_mb < LEAST_MB:
            yield Finding(
                "node_disk_nearly_full",
                Severity.ERROR if free < FULL else Severity.WARNING,
                node.subject,
                "Its disk is nearly full: preparations will fail, and servers cannot save.",
                f"{load.disk_free_mb} of {load.disk_total_mb} MB are free.",
                "Clear its template cache, destroy instances nobody needs, set cache.max_mb, or give it a larger disk.",
                node.link,
                {"free_mb": load.disk_free_mb, "total_mb": load.disk_total_mb},
            )
