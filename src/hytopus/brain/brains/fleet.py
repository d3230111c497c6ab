"""The Brains on this database, as this one sees them: a row each, renewed every other second.

A Brain that has not renewed its row for `LEASE_S` counts as gone, and its nodes get their time to find another one. A
Brain that cannot renew its own row knows that the others think so.
"""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus import __version__
from hytopus.brain.brains.errors import OtherAuthority
from hytopus.brain.brains.models import Brain
from hytopus.brain.db.engine import Database
from hytopus.brain.db.time import database_now
from hytopus.kit.clock import Clock
from hytopus.kit.ids import new_id
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import within
from hytopus.wire.version import PROTOCOL

BEAT_S: Final = 2.0
LEASE_S: Final = 10.0
_BEAT_TIMEOUT_S: Final = 5.0
_KEEP: Final = timedelta(hours=1)
"""How long a Brain that is gone stays in the list."""

CHANGED: Final = "brains"
"""Signal: a Brain has come or gone."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another Brain."""

    id: str
    name: str
    session_address: str
    alive: bool
    gone_at: datetime
    """By the database's clock: when it ended, or when its lease does."""


class Fleet:
    """This Brain among the others. `enter` before serving, `run` while serving, `leave` at the end."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        name: str = "",
        ca_fingerprint: str = "",
        beat_s: float = BEAT_S,
        brain_id: str = "",
    ) -> None:
        self.id = brain_id or new_id()
        self.name = name or socket.gethostname()
        self.session_address = ""
        self._database, self._clock, self._beat_s = database, clock, beat_s
        self._ca_fingerprint = ca_fingerprint
        self._peers: dict[str, Peer] = {}
        self._beaten = clock.monotonic()

    @property
    def peers(self) -> list[Peer]:
        """The others that are alive, by name."""
        return sorted((peer for peer in self._peers.values() if peer.alive), key=lambda peer: (peer.name, peer.id))

    def peer(self, brain_id: str) -> Peer | None:
        """Another Brain, alive or not long gone."""
        return self._peers.get(brain_id)

    def addresses(self) -> tuple[str, ...]:
        """Where a node may dial, those that are alive first. Empty as long as this is the only Brain: then the address
        that the node has joined with is better than any this Brain could know of itself."""
        known = sorted(self._peers.values(), key=lambda peer: (not peer.alive, peer.name, peer.id))
        addresses = dict.fromkeys((self.session_address, *(peer.session_address for peer in known)))
        return tuple(addresses) if len(addresses) > 1 else ()

    def spread(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """The same for one node: the others that are alive in any order, so that not all nodes turn to the same one."""
        alive = {peer.session_address for peer in self.peers}
        first = [address for address in addresses[1:] if address in alive]
        random.shuffle(first)
        return (*addresses[:1], *first, *(address for address in addresses[1:] if address not in alive))

    @property
    def cut_off_s(self) -> float | None:
        """For how long the other Brains have had to take this one for gone; None as long as they do not.

        A Brain that is alone goes on without its database: nobody else could do better.
        """
        silence = self._clock.monotonic() - self._beaten
        return silence if silence > LEASE_S and self.peers else None

    @asynccontextmanager
    async def entered(self, session_address: str) -> AsyncIterator[None]:
        """Be one of the Brains while the context is open. Raises `OtherAuthority`."""
        self.session_address = session_address
        await self.beat()
        try:
            yield
        finally:
            await self._leave()

    async def run(self) -> NoReturn:
        """Renew the row until cancelled."""
        while True:
            await self._clock.sleep(self._beat_s)
            try:
                await within(self._clock, _BEAT_TIMEOUT_S, self.beat())
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("sign of life not written", cause=str(error) or type(error).__name__)

    async def beat(self) -> None:
        """One sign of life, and a look at the others."""
        started = self._clock.monotonic()
        async with self._database.write() as session:
            now = await database_now(session, self._clock)
            row = await self._renew(session, now)
            await session.execute(delete(Brain).where(Brain.heard_at < now - _KEEP))
            others = list(await session.scalars(select(Brain).where(Brain.id != self.id).order_by(Brain.started_at)))
            self._check(others, row.started_at, now)
        self._beaten = started
        self._look(others, now)

    async def _renew(self, session: AsyncSession, now: datetime) -> Brain:
        row = await session.get(Brain, self.id)
        if row is None:
            row = Brain(id=self.id, started_at=now)
            session.add(row)
        row.name, row.session_address = self.name, self.session_address
        row.release, row.protocol, row.ca_fingerprint = __version__, PROTOCOL, self._ca_fingerprint
        row.heard_at, row.stopped_at = now, None
        await session.flush()
        return row

    def _check(self, others: list[Brain], started_at: datetime, now: datetime) -> None:
        """Whoever came later has to give way."""
        for other in others:
            if is_alive(other, now) and other.started_at <= started_at and other.ca_fingerprint != self._ca_fingerprint:
                raise OtherAuthority(other=other.name, theirs=other.ca_fingerprint[:16], ours=self._ca_fingerprint[:16])

    def _look(self, others: list[Brain], now: datetime) -> None:
        before = {peer.id for peer in self.peers}
        self._peers = {
            other.id: Peer(other.id, other.name, other.session_address, is_alive(other, now), gone_at(other))
            for other in others
        }
        after = {peer.id for peer in self.peers}
        for brain_id in before ^ after:
            peer = self._peers.get(brain_id)
            log.info("brain appeared" if brain_id in after else "brain gone", brain=peer.name if peer else brain_id)
        if before != after:
            self._database.signals.publish(CHANGED)

    async def _leave(self) -> None:
        try:
            async with self._database.write() as session:
                if (row := await session.get(Brain, self.id)) is not None:
                    row.stopped_at = await database_now(session, self._clock)
        except (SQLAlchemyError, OSError) as error:
            log.warning("the other Brains will notice the end of this one late", cause=str(error))


def is_alive(brain: Brain, now: datetime) -> bool:
    """`now` is the database's."""
    return brain.stopped_at is None and brain.heard_at > now - timedelta(seconds=LEASE_S)


def gone_at(brain: Brain) -> datetime:
    return brain.stopped_at or brain.heard_at + timedelta(seconds=LEASE_S)
