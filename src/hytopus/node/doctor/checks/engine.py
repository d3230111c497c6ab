"""The Docker Engine: there, and able to hold servers to their limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts

OLDEST: Final = 20


def check(facts: Facts) -> Iterator[Finding]:
    if facts.engine.problem:
        yield Finding(
            "engine_down",
            Severity.ERROR,
            "the Docker Engine",
            "It does not answer.",
            facts.engine.problem,
            "systemctl status docker; the agent must be allowed to use its socket.",
            params={"case": "told", "why": facts.engine.problem},
        )
    if (
        not facts.engine.problem
        and facts.engine.version.partition(".")[0].isdigit()
        and int(facts.engine.version.partition(".")[0]) < OLDEST
    ):
        yield Finding(
            "old_engine",
            Severity.WARNING,
            "the Docker Engine",
            "It is old.",
            f"It is version {facts.engine.version}; {OLDEST} or newer is tested.",
            "Drain the node and install a current docker-ce or docker.io.",
            params={"version": facts.engine.version, "oldest": OLDEST},
        )
