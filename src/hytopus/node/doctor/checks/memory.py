"""Memory that is promised and not there."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts


def check(facts: Facts) -> Iterator[Finding]:
    if facts.memory_offered_mb > facts.memory_total_mb:
        yield Finding(
            "memory_overcommitted",
            Severity.WARNING,
            "memory",
            "More is offered to instances than there is.",
            f"capacity.memory_mb is {facts.memory_offered_mb}, the machine has {facts.memory_total_mb} MB.",
            "Leave capacity.memory_mb out, or lower it.",
            params={"offered_mb": facts.memory_offered_mb, "total_mb": facts.memory_total_mb},
        )
