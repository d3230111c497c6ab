"""Nodes that have joined and instances that run on them, written straight into a Brain's database.

Joining a thousand nodes through the front door takes longer than measuring them; what is left behind is the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from hytopus.brain.authority import commands as authority_commands
from hytopus.brain.authority.ca import Authority
from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import Signals
from hytopus.brain.db.unlock import SealingSettings, unlock
from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.states import State
from hytopus.brain.nodes import commands as nodes
from hytopus.brain.nodes.states import NodeState
from hytopus.games.library import builtin_games, load_game
from hytopus.kit.clock import SystemClock
from hytopus.node.identity import Identity, save_identity, signing_request
from hytopus.wire.messages import Certificates
from tests.harness.factories import add, make_template, on_node

GAME: Final = "stand-in"
FIRST_PORT: Final = 30_000
FACTS: Final[dict[str, Any]] = {
    "cpus": 64.0,
    "memory_mb": 131_072,
    "disk_mb": 1_048_576,
    "slots": 64,
    "address": "203.0.113.5",
    "port_first": FIRST_PORT,
    "port_last": FIRST_PORT + 199,
}
"""What each node of the fleet says of itself."""
_AT_ONCE: Final = 50


@asynccontextmanager
async def database_of(url: str, data_dir: Path) -> AsyncIterator[Database]:
    """The database of a Brain with that data directory, from beside it."""
    async with Database.open(url, Signals()) as database:
        await unlock(database, SealingSettings(), data_dir)
        yield database


async def seed(
    database: Database, data_dir: Path, directory: Path, *, brain: str, sessions: str, fleet: int, each: int
) -> None:
    """`fleet` nodes whose identities lie below `directory`, with `each` running instances, and the template `base`."""
    authority = await Authority.open(data_dir / "ca", clock=SystemClock())
    await add(database, *make_template(game=GAME))
    definition = await asyncio.to_thread(lambda: load_game(builtin_games() / GAME).model_dump(mode="json"))
    for first in range(0, fleet, _AT_ONCE):
        names = [f"arm-{number:04}" for number in range(first, min(first + _AT_ONCE, fleet))]
        await _seed_some(database, authority, directory, names, brain, sessions, each, definition)


async def _seed_some(
    database: Database,
    authority: Authority,
    directory: Path,
    names: Sequence[str],
    brain: str,
    sessions: str,
    each: int,
    definition: dict[str, Any],
) -> None:
    at = SystemClock().now() - timedelta(hours=1)
    async with database.write() as session:
        for name in names:
            home = directory / name
            request = await asyncio.to_thread(signing_request, home)
            node = await nodes.join(session, name, at=at)
            for column, value in {**FACTS, "state": NodeState.ONLINE, "last_seen": at}.items():
                setattr(node, column, value)
            signed = await authority_commands.renew(session, authority, node.id, request, at=at)
            identity = Identity(home, node.id, name, brain, sessions)
            held = []
            for number in range(each):
                instance, lease = _instance(node, f"{name}-{number}", FIRST_PORT + number, definition)
                instance.created_at = instance.state_since = instance.started_at = at
                session.add_all([instance, lease])
                held.append(instance.id)
            await asyncio.to_thread(_keep, identity, signed, held)


def _instance(node: Any, name: str, port: int, definition: dict[str, Any]) -> tuple[Instance, PortLease]:
    return on_node(
        node,
        State.RUNNING,
        port=port,
        name=name,
        game=GAME,
        definition=definition,
        memory_mb=512,
        cpus=0.25,
        details={"gamemode": "lobby", "owner": "ops"},
    )


def _keep(identity: Identity, signed: Certificates, held: list[str]) -> None:
    save_identity(identity, certificate_pem=signed.certificate_pem, ca_pem=signed.ca_pem)
    (identity.directory / "held.json").write_text(json.dumps(held))
