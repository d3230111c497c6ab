"""The way to the Brain."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts


def check(facts: Facts) -> Iterator[Finding]:
    if facts.brain_problem:
        yield Finding(
            "brain_unreachable",
            Severity.ERROR,
            "the Brain",
            "It cannot be reached from here; servers go on without it.",
            f"{facts.brain}: {facts.brain_problem}",
            "Look at the network and at firewalls between here and there; the node needs no open port itself.",
            params={"brain": facts.brain, "why": facts.brain_problem},
        )
