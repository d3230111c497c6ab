"""The routes of the backups."""

from __future__ import annotations

from pathlib import Path

from hytopus.brain.accounts.roles import Role
from hytopus.brain.backups.api import Backups
from hytopus.brain.backups.api import router as backups_api
from hytopus.brain.backups.keeper import keep_once
from hytopus.brain.backups.settings import BackupSettings
from hytopus.storage.memory import MemoryStore
from tests.harness.clock import START
from tests.integration.api.clock import StepClock
from tests.integration.api.world import FEATURES, open_world
from tests.integration.backups.brains import open_brain, source_of


async def test_a_backup_is_asked_for_listed_verified_and_deleted(tmp_path: Path) -> None:
    clock = StepClock()
    store = MemoryStore(clock)
    async with open_brain(f"sqlite:///{tmp_path / 'brain.db'}") as database:
        source = await source_of(database, store, tmp_path, clock)
        backups = Backups(source, BackupSettings(verify=False))
        features = (*FEATURES, backups_api)
        async with open_world(database, store, clock, features=features, extra={"backups": backups}) as world:
            admin = world.acting(Role.ADMIN)
            assert (await world.acting(Role.OPERATOR).get("/backups")).status_code == 403
            empty = (await admin.get("/backups")).json()
            assert empty["items"] == empty["runs"] == []
            assert empty["schedule"]["key_id"] is None
            asked = await admin.post("/backups")
            assert (asked.status_code, asked.json()["state"]) == (202, "requested")
            await keep_once(source, backups.settings, since=START)
            shown = (await admin.get("/backups")).json()
            assert [run["state"] for run in shown["runs"]] == ["done"]
            assert shown["last_success_at"]
            (made,) = shown["items"]
            assert (made["id"], made["sealed"], made["ours"]) == (asked.json()["backup_id"], False, True)
            assert (await admin.post(f"/backups/{made['id']}/verify")).status_code == 202
            await keep_once(source, backups.settings, since=START)
            assert (await admin.get("/backups")).json()["items"][0]["verified_at"]
            assert (await admin.delete(f"/backups/{made['id']}")).status_code == 204
            assert (await admin.get("/backups")).json()["items"] == []
            gone = await admin.post(f"/backups/{made['id']}/verify")
            assert (gone.status_code, gone.json()["code"]) == (404, "backup_not_found")
            actions = [record["action"] for record in await world.audit(action="backup.")]
            assert actions == ["backup.create", "backup.verify", "backup.delete"]
