"""A node that copies every file of every start."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if node.materialisers and "overlay" not in node.materialisers:
            yield Finding(
                "slow_directories",
                Severity.NOTE,
                node.subject,
                "It cannot build directories by overlay, the fast way.",
                f"What works there: {', '.join(node.materialisers)}.",
                "Put its data_dir on ext4 or XFS of the machine itself, on the same file system as Docker.",
                node.link,
                {"ways": ", ".join(node.materialisers)},
            )
