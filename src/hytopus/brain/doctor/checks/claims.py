"""A node says that it has another region or other tags than those that count."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if node.claims:
            yield Finding(
                "claims_another_place",
                Severity.WARNING,
                node.subject,
                "It says that it belongs elsewhere. That was not followed, since a node must not choose what it gets.",
                "; ".join(f"{key}: {value}" for key, value in node.claims.items()),
                f"If you changed its settings: `hytopus node change {node.name} --region … --tag …`. If nobody did, "
                f"somebody else may have: look at that machine, and `hytopus node revoke {node.name}`.",
                node.link,
                {"claims": "; ".join(f"{key}: {value}" for key, value in node.claims.items())},
            )
