"""A node that has been forgotten while it takes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

LONG: Final = timedelta(days=3)


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if node.cordoned_since is not None and facts.now - node.cordoned_since > LONG:
            yield Finding(
                "cordoned_for_long",
                Severity.NOTE,
                node.subject,
                "It has been cordoned for long: nothing new is placed on it.",
                f"Since {node.cordoned_since:%Y-%m-%d %H:%M} UTC.",
                "hytopus node uncordon, or remove the node.",
                node.link,
                {"at": node.cordoned_since.isoformat()},
            )
