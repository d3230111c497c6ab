"""Game ports that go through a process of the engine."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts


def check(facts: Facts) -> Iterator[Finding]:
    if facts.engine.userland_proxy:
        yield Finding(
            "userland_proxy",
            Severity.NOTE,
            "the Docker Engine",
            "Every packet of players on this machine passes a proxy process, and servers do not see their addresses.",
            "docker-proxy processes run.",
            'Put "userland-proxy": false into /etc/docker/daemon.json and restart the engine when no game runs.',
        )
