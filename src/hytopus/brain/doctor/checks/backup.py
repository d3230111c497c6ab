"""Backups that are missing or old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

LATE: Final = 2.5


def check(facts: Facts) -> Iterator[Finding]:
    if not facts.backup_every_h:
        yield Finding(
            "no_backups",
            Severity.WARNING,
            "backups",
            "The Brain is not backed up.",
            "backups.every_hours is 0, and nothing else is known to make any.",
            "Set backups.every_hours, or run hytopus brain backup from a timer of your own.",
        )
        return
    since = facts.backup_at or facts.running_since
    if since is not None and facts.now - since > LATE * timedelta(hours=facts.backup_every_h):
        yield Finding(
            "backup_too_old",
            Severity.ERROR,
            "backups",
            "The last good backup is too old.",
            f"It is of {facts.backup_at:%Y-%m-%d %H:%M} UTC." if facts.backup_at else "There is none.",
            "hytopus brain backup says what is wrong; the events tell of every failed attempt.",
            params={"at": facts.backup_at.isoformat()} if facts.backup_at else {"case": "none"},
        )
