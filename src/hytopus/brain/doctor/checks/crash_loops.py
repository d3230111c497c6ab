"""Instances that fail again and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

MANY: Final = 3


def check(facts: Facts) -> Iterator[Finding]:
    for each in facts.restarts:
        if each.count >= MANY:
            yield Finding(
                "crash_loop",
                Severity.ERROR,
                f"instance {each.name}",
                "It fails again and again.",
                f"{each.count} times in the last hour.",
                "Read its last log lines; a faulty template version or too little memory is the usual cause.",
                f"instance:{each.instance_id}",
                {"count": each.count},
            )
