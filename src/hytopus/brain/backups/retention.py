"""Which backups have had their day."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime

from hytopus.brain.backups.catalogue import Manifest
from hytopus.brain.backups.settings import BackupSettings


def expired(backups: Sequence[Manifest], settings: BackupSettings) -> list[Manifest]:
    """Scheduled ones that no rule keeps; the newest that was verified always stays."""
    scheduled = sorted((each for each in backups if each.scheduled), key=lambda each: each.created_at, reverse=True)
    kept = {each.id for each in scheduled[: settings.keep_last]}
    kept |= _newest_of_each(scheduled, settings.keep_daily, lambda at: at.date())
    kept |= _newest_of_each(scheduled, settings.keep_weekly, lambda at: at.isocalendar()[:2])
    if good := next((each.id for each in scheduled if each.verified_at is not None), None):
        kept.add(good)
    return [each for each in scheduled if each.id not in kept]


def _newest_of_each(backups: Sequence[Manifest], count: int, period: Callable[[datetime], Hashable]) -> set[str]:
    """`backups` newest first."""
    newest: dict[Hashable, str] = {}
    for each in backups:
        newest.setdefault(period(each.created_at), each.id)
    return set(list(newest.values())[:count])
