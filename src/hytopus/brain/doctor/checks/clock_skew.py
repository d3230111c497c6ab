"""A node's clock and the Brain's differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

MOST_S: Final = 5.0


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if abs(node.clock_skew_s) > MOST_S:
            yield Finding(
                "clock_skew",
                Severity.WARNING,
                node.subject,
                "Its clock is wrong.",
                f"It differs from the Brain's by {node.clock_skew_s:+.1f} s.",
                "Let both machines keep their time with chrony: certificates and presigned URLs depend on it.",
                node.link,
                {"seconds": round(node.clock_skew_s, 1)},
            )
