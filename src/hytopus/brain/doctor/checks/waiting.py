"""Instances for which there is no room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

PATIENCE_S: Final = 300


def check(facts: Facts) -> Iterator[Finding]:
    if facts.waiting and facts.waiting_s > PATIENCE_S:
        yield Finding(
            "no_room",
            Severity.WARNING,
            "placement",
            "Instances wait and no node has room for them.",
            f"{facts.waiting} wait, the first of them for {facts.waiting_s / 60:.0f} minutes.",
            "hytopus instance explain NAME says what is missing on which node; add a node, or stop what nobody needs.",
            params={"count": facts.waiting, "minutes": round(facts.waiting_s / 60)},
        )
