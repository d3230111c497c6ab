"""A certificate of the Brain that runs out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

SOON: Final = timedelta(days=21)
NOW: Final = timedelta(days=3)


def check(facts: Facts) -> Iterator[Finding]:
    for purpose, until in facts.certificates:
        left = until - facts.now
        if left < SOON:
            yield Finding(
                "certificate_expires",
                Severity.ERROR if left < NOW else Severity.WARNING,
                purpose,
                "A certificate runs out.",
                f"It is good until {until:%Y-%m-%d %H:%M} UTC.",
                "Renew it and restart the Brain; game servers do not notice.",
                params={"at": until.isoformat()},
            )
