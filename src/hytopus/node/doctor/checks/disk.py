"""Room for templates and worlds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts

LEAST_MB: Final = 1024


def check(facts: Facts) -> Iterator[Finding]:
    if facts.disk_free_mb < max(LEAST_MB, facts.disk_total_mb // 10):
        yield Finding(
            "disk_nearly_full",
            Severity.ERROR,
            "the disk",
            "It is nearly full: preparations will fail, and servers cannot save.",
            f"{facts.disk_free_mb} of {facts.disk_total_mb} MB are free.",
            "Lower cache.max_mb, destroy instances nobody needs, or use a larger disk.",
            params={"free_mb": facts.disk_free_mb, "total_mb": facts.disk_total_mb},
        )
