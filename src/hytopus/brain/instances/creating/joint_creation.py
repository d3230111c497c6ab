"""Creations that are asked for at the same time, in one transaction.

Most of what a creation costs is what every transaction costs: its beginning, its end, the place of its record in the
audit log's chain, a statement for each table. Requests that come together share all of that, and each still has its own
row, event, record, idempotency key and answer. Whatever is not plain (a name that is taken, a key that was used,
anything to be refused) is left out, and done by itself as if nobody else had come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor
from hytopus.brain.db.engine import Database
from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.http import idempotency
from hytopus.brain.http.idempotency import Claim
from hytopus.brain.instances.creating.creation import Mould, mould_of, taken_names, tell
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.schemas import CreateInstance, InstanceOut
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.ids import is_name
from hytopus.kit.rush import Rush
from hytopus.kit.together import Together

STATUS: Final = 202
_MOST: Final = 32


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for one instance."""

    body: CreateInstance
    actor: Actor
    claim: Claim | None
    settings: InstanceSettings


JointCreation = Together[Asked, bytes | None]
"""Gives the answer's body; None: this one is to be done by itself, which also tells what is wrong with it."""


def open_joint_creation(database: Database, games: Catalogue, clock: Clock, rush: Rush) -> JointCreation:
    return Together(partial(_create, database, games, clock, rush), most=_MOST)


async def _create(
    database: Database, games: Catalogue, clock: Clock, rush: Rush, asked: Sequence[Asked]
) -> Sequence[bytes | None]:
    rush.note(len(asked))
    try:
        async with database.write() as session:
            answers = await _create_plain(session, games, clock, asked)
    except (HytopusError, DBAPIError):
        return [None] * len(asked)
    return [answers.get(number) for number in range(len(asked))]


async def _create_plain(
    session: AsyncSession, games: Catalogue, clock: Clock, asked: Sequence[Asked]
) -> dict[int, bytes]:
    """Answers by the number of who has asked, of those who can be served together."""
    now = clock.now()
    moulds = await _moulds(session, games, asked)
    claimed = await idempotency.claim_all(session, [asked[n].claim for n in moulds], now=now)
    new: dict[int, Instance] = {}
    for number, mould in moulds.items():
        one = asked[number]
        if one.claim is None or one.claim in claimed:
            new[number] = mould.cast(one.body.name, now=now)
    session.add_all(sorted(new.values(), key=attrgetter("name")))
    await session.flush()
    answers: dict[int, bytes] = {}
    for number, instance in new.items():
        tell(session, instance, actor=asked[number].actor, now=now)
        out = InstanceOut.detailed(instance, None, [], settings=asked[number].settings)
        answers[number] = out.model_dump_json().encode()
    await idempotency.keep_all(
        session, {claim: body for number, body in answers.items() if (claim := asked[number].claim)}, status=STATUS
    )
    return answers


async def _moulds(session: AsyncSession, games: Catalogue, asked: Sequence[Asked]) -> dict[int, Mould]:
    """What is plain, by number; like ones are looked into once."""
    taken = await taken_names(session, [one.body.name for one in asked])
    known: dict[str, Mould | None] = {}
    moulds: dict[int, Mould] = {}
    for number, one in enumerate(asked):
        name = one.body.name
        like = one.body.model_dump_json(exclude={"name"})
        if like not in known:
            known[like] = await _mould(session, games, one)
        if (mould := known[like]) is not None and is_name(name) and name not in taken:
            taken.add(name)
            moulds[number] = mould
    return moulds


async def _mould(session: AsyncSession, games: Catalogue, one: Asked) -> Mould | None:
    try:
        return await mould_of(session, one.body, games, one.settings)
    except HytopusError:
        return None
