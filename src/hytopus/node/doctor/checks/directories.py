"""The way instances' directories are built."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts


def check(facts: Facts) -> Iterator[Finding]:
    if "overlay" not in facts.ways and "reflink" not in facts.ways:
        yield Finding(
            "slow_directories",
            Severity.WARNING,
            "the data directory",
            "Every start copies every file.",
            f"What works here: {', '.join(facts.ways)}.",
            "Put data_dir on ext4 or XFS of the machine itself, on the same file system as Docker.",
            params={"ways": ", ".join(facts.ways)},
        )
