"""Instances that take more disk than is reserved for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hytopus.brain.doctor.facts import DiskOver, Facts
from hytopus.kit.findings import Finding, Severity


def check(facts: Facts) -> Iterator[Finding]:
    for each in facts.disk_over:
        taken = f"{each.taken_mb} MB of {each.reserved_mb} MB" if each.taken_mb else f"more than {each.reserved_mb} MB"
        yield Finding(
            "disk_exceeded",
            Severity.WARNING,
            f"instance {each.name}",
            "It takes more disk than is reserved for it, and nothing holds it back: others may find none.",
            f"{taken}, since {each.since:%Y-%m-%d %H:%M} UTC.",
            "Delete what it does not need (`hytopus instance files`), or give it more with `instance change --disk`.",
            f"instance:{each.instance_id}",
            _params(each),
        )


def _params(over: DiskOver) -> dict[str, Any]:
    known = {"taken_mb": over.taken_mb} if over.taken_mb else {"case": "unmeasured"}
    return {**known, "reserved_mb": over.reserved_mb, "at": over.since.isoformat()}
