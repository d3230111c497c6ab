"""Packets that the kernel does not pass on."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts


def check(facts: Facts) -> Iterator[Finding]:
    if not facts.ipv4_forwarding:
        yield Finding(
            "no_forwarding",
            Severity.ERROR,
            "the kernel",
            "It does not forward packets: players cannot reach any server.",
            "net.ipv4.ip_forward is 0.",
            "sysctl -w net.ipv4.ip_forward=1, and keep it in /etc/sysctl.d; the Docker Engine sets it when it starts.",
        )
