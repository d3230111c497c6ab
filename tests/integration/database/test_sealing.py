"""Secrets at rest: sealed in the database, readable only with the key that lies beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from hytopus.brain.db.engine import Database
from hytopus.brain.db.keyring import BadSealingKey, KeyRing, SealBroken, SealingKeyMissing, file_ring, new_key
from hytopus.brain.db.unlock import KEY_FILE, KeysAreGiven, SealingSettings, rotate, unlock
from tests.harness.brain import Brain
from tests.harness.database import database

__all__ = ["database"]

SECRET = "swordfish"


@pytest.fixture
async def brain(database: Database) -> Brain:
    brain = Brain(database)
    await brain.has_template("base", variables={"TOKEN": {"secret": True}})
    return brain


async def _raw(database: Database) -> str:
    async with database.read() as session:
        return str((await session.execute(text("SELECT secrets FROM instances"))).scalar_one())


async def _lay_open(database: Database) -> None:
    """As rows were before secrets were sealed."""
    async with database.write() as session:
        await session.execute(text("""UPDATE instances SET secrets = '{"TOKEN": "swordfish"}'"""))


async def test_a_secret_variable_is_not_readable_in_the_database(brain: Brain, tmp_path: Path) -> None:
    await unlock(brain.database, SealingSettings(), tmp_path)
    await brain.create(variables={"TOKEN": SECRET})
    assert SECRET not in await _raw(brain.database)
    assert (await brain.get("lobby")).secrets == {"TOKEN": SECRET}


async def test_rows_from_before_are_sealed_at_the_next_start(brain: Brain, tmp_path: Path) -> None:
    await brain.create(variables={"TOKEN": SECRET})
    await _lay_open(brain.database)
    await unlock(brain.database, SealingSettings(), tmp_path)
    assert SECRET not in await _raw(brain.database)
    assert (await brain.get("lobby")).secrets == {"TOKEN": SECRET}
    sealed = await _raw(brain.database)
    await unlock(brain.database, SealingSettings(), tmp_path)
    assert await _raw(brain.database) == sealed


async def test_the_key_is_private_and_the_same_at_every_start(database: Database, tmp_path: Path) -> None:
    first = await unlock(database, SealingSettings(), tmp_path)
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert (await unlock(database, SealingSettings(), tmp_path)).first == first.first


async def test_a_missing_and_a_wrong_key_stop_the_start_by_name(database: Database, tmp_path: Path) -> None:
    ring = await unlock(database, SealingSettings(), tmp_path)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(SealingKeyMissing, match=rf"the key {ring.first}, which .*{KEY_FILE} does not hold"):
        await unlock(database, SealingSettings(), tmp_path)
    assert not (tmp_path / KEY_FILE).exists()
    with pytest.raises(SealingKeyMissing, match=r"which sealing\.keys does not hold"):
        await unlock(database, SealingSettings(keys=SecretStr(new_key())), tmp_path)


async def test_a_rotated_key_opens_everything_also_for_a_brain_that_runs(brain: Brain, tmp_path: Path) -> None:
    running = await unlock(brain.database, SealingSettings(), tmp_path)
    await brain.create(variables={"TOKEN": SECRET})
    before = await _raw(brain.database)
    assert await rotate(brain.database, SealingSettings(), tmp_path) == 1
    after = await _raw(brain.database)
    assert after != before
    brain.database.use_keys(running)
    assert (await brain.get("lobby")).secrets == {"TOKEN": SECRET}
    assert len((tmp_path / KEY_FILE).read_text().split()) == 2


async def test_keys_from_the_environment_are_rotated_where_they_are_kept(database: Database, tmp_path: Path) -> None:
    given = SealingSettings(keys=SecretStr(new_key()))
    await unlock(database, given, tmp_path)
    with pytest.raises(KeysAreGiven):
        await rotate(database, given, tmp_path)


def test_what_was_sealed_for_one_place_opens_in_no_other_and_not_when_changed() -> None:
    ring = KeyRing(lambda: [bytes(32)])
    sealed = ring.seal("instances.secrets", {"TOKEN": SECRET})
    assert ring.unseal("instances.secrets", sealed) == {"TOKEN": SECRET}
    for purpose, changed in (("users.totp_secret", sealed), ("instances.secrets", sealed[:-6] + "AAAA==")):
        with pytest.raises(SealBroken):
            ring.unseal(purpose, changed)


@pytest.mark.parametrize("content", ["", "# nothing\n", "no base64!", "c2hvcnQ="])
def test_a_key_file_that_is_none_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / KEY_FILE
    file.write_text(content)
    with pytest.raises(BadSealingKey, match=KEY_FILE):
        file_ring(file)
