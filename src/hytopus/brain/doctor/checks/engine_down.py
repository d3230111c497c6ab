"""A Docker Engine that does not answer."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity


def check(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if node.state == "online" and node.load is not None and not node.load.engine_up:
            yield Finding(
                "engine_down",
                Severity.ERROR,
                node.subject,
                "Its Docker Engine does not answer: nothing can be started or stopped there.",
                "Its last heartbeat said so.",
                "On that machine: systemctl status docker; journalctl -u docker.",
                node.link,
            )
