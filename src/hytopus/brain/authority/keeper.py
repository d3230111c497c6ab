"""Keeping a Brain's authority as the database has it, so that Brains that run side by side have the same one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, NoReturn

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from hytopus.brain.authority.ca import Authority
from hytopus.brain.authority.errors import AuthorityDamaged, ForeignAuthority
from hytopus.brain.authority.keys import Ring, load_signer, new_signer, save_signer
from hytopus.brain.authority.rotation import CHANGED, records, remember, ring_of
from hytopus.brain.db.engine import Database
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger

LOOK_AGAIN_S: Final = 10.0
"""A signal of another Brain may be lost."""

log = get_logger(__name__)


async def open_authority(database: Database, directory: Path, *, names: list[str], clock: Clock) -> Authority:
    """The authority of this database. The first Brain on it brings its own, from `directory` or newly made.

    Raises `ForeignAuthority` where `directory` holds another one.
    """
    await _mend(database, directory)
    ring = await _known(database)
    if ring is None:
        await _bring(database, directory, clock)
        ring = await _known(database)
    assert ring is not None, "somebody has brought one"
    await asyncio.to_thread(_agree, directory, ring)
    authority = Authority(ring.serving, names, clock)
    authority.adopt(ring)
    return authority


async def follow(authority: Authority, database: Database, directory: Path, clock: Clock) -> NoReturn:
    """Until cancelled: what another Brain, or this one, has changed in the database counts here, too."""
    with database.signals.subscribe(CHANGED) as changed:
        while True:
            await changed.wait(clock, LOOK_AGAIN_S)
            try:
                await look(authority, database, directory)
            except (SQLAlchemyError, OSError) as error:
                log.warning("authorities not looked at", cause=str(error) or type(error).__name__)


async def look(authority: Authority, database: Database, directory: Path) -> None:
    """Adopt what the database says, where that is something else."""
    ring = await _known(database)
    if ring is None or _same(ring, authority.ring):
        return
    authority.adopt(ring)
    log.info("authorities changed", serving=ring.serving.fingerprint, signing=ring.signing.fingerprint)
    await asyncio.to_thread(save_signer, directory, ring.serving)


async def _known(database: Database) -> Ring | None:
    async with database.read() as session:
        found = await records(session)
    return ring_of(found) if found else None


async def _bring(database: Database, directory: Path, clock: Clock) -> None:
    signer = await asyncio.to_thread(load_signer, directory) or new_signer(clock.now())
    try:
        async with database.write() as session:
            if not await records(session):
                remember(session, signer, 1, at=clock.now())
                await session.flush()
    except IntegrityError:
        log.info("another Brain has brought its authority first")


async def _mend(database: Database, directory: Path) -> None:
    """Whoever has lost the sealing key empties what was sealed with it; the authority that serves is on disk, too."""
    async with database.read() as session:
        lost = [each.number for each in await records(session) if each.retired_at is None and not each.key_pem]
    if not lost:
        return
    signer = await asyncio.to_thread(load_signer, directory)
    async with database.write() as session:
        for each in await records(session, lock=True):
            if each.number in lost and signer is not None and each.fingerprint == signer.fingerprint:
                each.key_pem = signer.key_pem
            elif each.number in lost:
                raise AuthorityDamaged(directory=directory, cause=f"it lacks the key of {each.fingerprint[:16]}")


def _agree(directory: Path, ring: Ring) -> None:
    """On disk is the authority that serves: `hytopus login --ca`, backups and operators look there."""
    path = directory / "ca.pem"
    on_disk = path.read_text() if path.exists() else ""
    if on_disk == ring.serving.pem and (directory / "ca.key").exists():
        return
    if on_disk and not ring.holds(on_disk):
        ours = load_signer(directory)
        raise ForeignAuthority(
            directory=directory,
            ours=ours.fingerprint[:16] if ours else "unreadable",
            theirs=ring.serving.fingerprint[:16],
        )
    save_signer(directory, ring.serving)


def _same(one: Ring, other: Ring) -> bool:
    return (one.trusted, one.retired, one.lineage) == (other.trusted, other.retired, other.lineage)
