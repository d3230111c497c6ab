"""Agents of another release than the Brain."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if facts.version and node.agent_version and node.agent_version != facts.version:
            yield Finding(
                "agent_version",
                Severity.NOTE,
                node.subject,
                "Its agent is of another release than the Brain.",
                f"Agent {node.agent_version}, Brain {facts.version}.",
                "Upgrade the agent; game servers go on meanwhile.",
                node.link,
                {"agent": node.agent_version, "brain": facts.version},
            )
