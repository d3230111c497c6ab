"""A node's certificate that was not renewed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

SOON: Final = timedelta(days=3)


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if node.certificate_until is not None and node.certificate_until - facts.now < SOON:
            yield Finding(
                "node_certificate_expires",
                Severity.ERROR,
                node.subject,
                "Its certificate runs out, although agents renew theirs by themselves long before.",
                f"It is good until {node.certificate_until:%Y-%m-%d %H:%M} UTC.",
                "Look into the agent's log for what keeps it from renewing; else remove the node and join it again.",
                node.link,
                {"at": node.certificate_until.isoformat()},
            )
