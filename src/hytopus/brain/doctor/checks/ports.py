"""A pool of game ports that is nearly used up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

NEARLY: Final = 0.9


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if node.ports and node.ports_used / node.ports > NEARLY:
            yield Finding(
                "ports_nearly_exhausted",
                Severity.WARNING,
                node.subject,
                "Its game ports are nearly used up.",
                f"{node.ports_used} of {node.ports} are in use.",
                "Widen ports.first and ports.last in the node's settings, or destroy instances nobody needs.",
                node.link,
                {"used": node.ports_used, "all": node.ports},
            )
