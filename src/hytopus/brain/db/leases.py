"""Work of which there must be one worker among all Brains: janitors, schedules, backups.

A lease is a row with an end. Whoever holds it may renew it, anybody may take it once it has ended; time is the
database's. A Brain that dies loses its leases by doing nothing.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from hytopus.brain.db.engine import Database
from hytopus.brain.db.models import Lease
from hytopus.brain.db.time import database_now
from hytopus.kit.clock import Clock


class Leases:
    """What this Brain holds. `holder` is the id of its run, so that a restarted Brain is another one."""

    def __init__(self, database: Database, clock: Clock, holder: str) -> None:
        self._database, self._clock, self.holder = database, clock, holder

    async def take(self, name: str, seconds: float) -> bool:
        """Take or renew a lease for that long. False: it is another Brain's.

        A round of work has to be over, or to have renewed the lease, before its time is up.
        """
        async with self._database.write() as session:
            now = await database_now(session, self._clock)
            until = now + timedelta(seconds=seconds)
            lease = await session.scalar(select(Lease).where(Lease.name == name).with_for_update())
            if lease is None:
                insert = sqlite_insert if self._database.dialect == "sqlite" else postgresql_insert
                fresh = insert(Lease).values(name=name, holder=self.holder, until=until).on_conflict_do_nothing()
                return (await session.execute(fresh.returning(Lease.name))).one_or_none() is not None
            if lease.holder != self.holder and lease.until > now:
                return False
            lease.holder, lease.until = self.holder, until
            return True

    async def give_back(self, name: str) -> None:
        """Let another Brain have it at once."""
        async with self._database.write() as session:
            await session.execute(delete(Lease).where(Lease.name == name, Lease.holder == self.holder))
