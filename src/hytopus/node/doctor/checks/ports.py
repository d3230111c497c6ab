"""Game ports that something else has taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts

SHARE: Final = 0.2


def check(facts: Facts) -> Iterator[Finding]:
    if len(facts.ports_foreign) > facts.ports * SHARE:
        yield Finding(
            "ports_taken",
            Severity.WARNING,
            "game ports",
            "Many of them are used by something else.",
            f"{len(facts.ports_foreign)} of {facts.ports}, the first is {facts.ports_foreign[0]}.",
            "Give the node a range of its own: ports.first and ports.last.",
            params={"taken": len(facts.ports_foreign), "all": facts.ports, "first": facts.ports_foreign[0]},
        )
