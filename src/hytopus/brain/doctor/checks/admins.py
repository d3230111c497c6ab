"""Accounts that can do everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

MANY: Final = 5


def check(facts: Facts) -> Iterator[Finding]:
    if facts.first_password_kept:
        yield Finding(
            "first_password",
            Severity.WARNING,
            "user admin",
            "The first admin still has the password that was shown at the first start.",
            "It was never changed, and whoever reads the terminal's or the journal's history has it.",
            "Log in as admin and change it in the settings.",
        )
    if facts.admins > MANY:
        yield Finding(
            "many_admins",
            Severity.NOTE,
            "accounts",
            "Many people can do everything.",
            f"{facts.admins} accounts are admins.",
            "Make operators of those who only run servers.",
            params={"count": facts.admins},
        )
