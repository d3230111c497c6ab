"""A node that joined after the backup that was restored, whose place nobody but itself has said."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if node.unconfirmed:
            said = "; ".join(f"{key}: {value}" for key, value in node.unconfirmed.items())
            yield Finding(
                "readmitted_as_it_says",
                Severity.WARNING,
                node.subject,
                "It joined after the backup that was restored: where it belongs, the Brain knows from itself alone.",
                said,
                f"If that is right, say so: `hytopus node change {node.name} --region … --tag …`. If not, look at that "
                f"machine, and `hytopus node revoke {node.name}`.",
                node.link,
                {"said": said},
            )
