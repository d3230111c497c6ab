"""Admins whose password is all there is between a stranger and everything."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity


def check(facts: Facts) -> Iterator[Finding]:
    for name in facts.single_factor:
        yield Finding(
            "no_second_factor",
            Severity.WARNING,
            f"user {name}",
            "This admin logs in with nothing but a password.",
            "Whoever learns it can do everything.",
            "Set up an authenticator app: in the panel's settings, or `hytopus second-factor enrol`.",
        )
