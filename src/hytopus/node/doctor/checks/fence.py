"""Game servers that may call this machine and the Brain."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts


def check(facts: Facts) -> Iterator[Finding]:
    if facts.fence_problem:
        yield Finding(
            "no_fence",
            Severity.WARNING,
            "the packet filter",
            "Game servers can call what listens on this machine, the Brain, and a cloud's metadata.",
            facts.fence_problem,
            "Install iptables on the engine's machine and leave docker.fence on; docs/guide/security.md has the rules.",
            params={"why": facts.fence_problem},
        )
