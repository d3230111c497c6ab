"""What the doctors of the nodes find on their own machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding


def check(facts: Facts) -> Iterator[Finding]:
    """Of a node that is offline nobody knows whether it still holds."""
    for node in facts.nodes:
        if node.state != "offline":
            for found in node.findings:
                yield replace(found, subject=f"{node.subject}, {found.subject}", link=node.link)
