"""Two machines with the identity of one node."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

RECENTLY: Final = timedelta(days=1)


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if node.doubled_at is not None and facts.now - node.doubled_at < RECENTLY:
            yield Finding(
                "doubled_identity",
                Severity.ERROR,
                node.subject,
                "Another machine came with its identity and was refused: a copy of its disk, or a thief.",
                f"Last at {node.doubled_at:%Y-%m-%d %H:%M} UTC, from {node.doubled_from or 'an unknown address'}.",
                "On a copy of yours, move key.pem, cert.pem and node.json away and join it as a node of its own. If it "
                f"is none of yours: `hytopus node revoke {node.name}`, then `hytopus node token {node.name} --rejoin`.",
                node.link,
                {"at": node.doubled_at.isoformat(), "address": node.doubled_from or "?"},
            )
