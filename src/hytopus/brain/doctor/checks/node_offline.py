"""A node that is gone."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if node.state == "offline" and node.state_since is not None:
            yield Finding(
                "node_offline",
                Severity.ERROR,
                node.subject,
                "It is offline.",
                f"Since {node.state_since:%Y-%m-%d %H:%M} UTC.",
                "Look at the machine and its agent (hytopus node status), or remove the node if it will not come back.",
                node.link,
                {"at": node.state_since.isoformat()},
            )
