"""Which backups go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hytopus.brain.backups.catalogue import Manifest
from hytopus.brain.backups.retention import expired
from hytopus.brain.backups.settings import BackupSettings

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def backup(hours_ago: float, *, scheduled: bool = True, verified: bool = True) -> Manifest:
    at = NOW - timedelta(hours=hours_ago)
    return Manifest(
        id=f"{at:%m%d%H%M}",
        created_at=at,
        version="1",
        revision="0001",
        brain="b",
        dialect="sqlite",
        size=1,
        sha256="",
        rows={},
        key_id=None,
        scheduled=scheduled,
        verified_at=at if verified else None,
    )


def kept(backups: list[Manifest], **settings: int) -> list[datetime]:
    given = BackupSettings.model_validate({"keep_last": 1, "keep_daily": 0, "keep_weekly": 0, **settings})
    gone = expired(backups, given)
    return [each.created_at for each in backups if each not in gone]


def test_the_newest_stay() -> None:
    backups = [backup(hours) for hours in range(10)]
    assert kept(backups, keep_last=3) == [backup(hours).created_at for hours in range(3)]


def test_of_each_day_and_week_the_newest_stays() -> None:
    backups = [backup(hours) for hours in range(0, 24 * 30, 6)]
    daily = kept(backups, keep_daily=3)
    assert [at.day for at in daily] == [31, 30, 29]
    assert [at.hour for at in daily] == [12, 18, 18]
    assert [at.isocalendar().week for at in kept(backups, keep_weekly=4)] == [14, 13, 12, 11]


def test_what_was_made_by_hand_stays() -> None:
    backups = [backup(0), backup(1, scheduled=False), backup(2)]
    assert [at.hour for at in kept(backups)] == [12, 11]


def test_the_newest_that_was_verified_stays_whatever_the_rules_say() -> None:
    backups = [backup(0, verified=False), backup(1, verified=False), backup(2), backup(3)]
    assert [at.hour for at in kept(backups)] == [12, 10]
