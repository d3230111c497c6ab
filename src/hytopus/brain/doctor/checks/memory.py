"""Memory promised to instances that the machine does not have."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        total = node.load.memory_total_mb if node.load else 0
        if total and node.memory_mb > total:
            yield Finding(
                "memory_overcommitted",
                Severity.WARNING,
                node.subject,
                "It promises more memory than it has: the kernel will kill servers.",
                f"{node.memory_mb} MB are offered, {node.memory_reserved_mb} MB reserved; the machine has {total} MB.",
                "Leave capacity.memory_mb out of the node's settings, or lower it.",
                node.link,
                {"offered_mb": node.memory_mb, "reserved_mb": node.memory_reserved_mb, "total_mb": total},
            )
