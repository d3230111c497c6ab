"""The tables of instances, the ports they hold, and copies that are left over on nodes."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.db.base import Base
from hytopus.brain.db.scope import Placed
from hytopus.brain.db.sealed import Sealed
from hytopus.brain.db.types import EnumText
from hytopus.brain.instances.states import OnNodeLoss, State, Wanted
from hytopus.games.definition import Game
from hytopus.games.restart import RestartChoice, RestartPolicy
from hytopus.kit.ids import new_id

_ALIVE = text("state <> 'destroyed'")


@lru_cache(maxsize=256)
def _game(definition: str) -> Game:
    """Instances have their games in common, and a game says a lot."""
    return Game.model_validate_json(definition)


class Instance(Placed, Base):
    """One game server; `region` and `tags` are what it asks of its node. Names are unique among those not destroyed."""

    __tablename__ = "instances"
    __table_args__ = (
        Index("uq_instances_name", "name", unique=True, sqlite_where=_ALIVE, postgresql_where=_ALIVE),
        Index("ix_instances_state", "state"),
        Index("ix_instances_node", "node_id"),
    )

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]

    game: Mapped[str] = mapped_column(String(64))
    definition: Mapped[dict[str, Any]]
    """The game as it was when the instance was created or last upgraded (`games.definition.Game`)."""
    requested_layers: Mapped[list[str]]
    """The references as asked for: `id` or `id@version`."""
    layers: Mapped[list[dict[str, Any]]]
    """The versions locked: template_id, version, checksum, size, s3_key, type; bottom first."""
    variables: Mapped[dict[str, str]]
    """What the operator gave, without the secret ones."""
    secrets: Mapped[dict[str, str]] = mapped_column(Sealed("instances.secrets"))
    """What the operator gave for secret variables. Never shown, logged or recorded."""
    secret_names: Mapped[list[str]]
    defaults: Mapped[dict[str, str]]
    """Declared defaults of the game and the locked layers."""
    requested_ports: Mapped[dict[str, Any]]
    """Port name -> the number the operator asked for."""
    details: Mapped[dict[str, Any]]
    """Free metadata: game mode, owner, ticket … (`metadata` in the API)."""

    memory_mb: Mapped[int]
    cpus: Mapped[float]
    disk_mb: Mapped[int]
    pinned_node: Mapped[str | None] = mapped_column(String(16))
    dev: Mapped[bool] = mapped_column(default=False)
    environment: Mapped[str] = mapped_column(String(64), default="")
    autostart: Mapped[bool] = mapped_column(default=True)
    """Started as soon as it is created, and again when it ended while nobody watched (its node was rebooted)."""

    persistent: Mapped[bool] = mapped_column(default=True)
    """It has a world of its own: never two of it, and nowhere but where its files are."""
    on_node_loss: Mapped[OnNodeLoss] = mapped_column(EnumText(OnNodeLoss), default=OnNodeLoss.WAIT)
    replace_after_s: Mapped[float | None]
    """How long it stays lost before it is replaced by itself; None: as the Brain is set."""
    lease_s: Mapped[float] = mapped_column(default=0.0)
    """For how long its node may run it without word from a Brain, where it may be replaced though it has a world."""
    leased_s: Mapped[float] = mapped_column(default=0.0)
    """What its node was told of that with the present start; 0: it never stops it."""

    wanted: Mapped[Wanted] = mapped_column(EnumText(Wanted))
    origin: Mapped[str] = mapped_column(String(64), default="")
    """Id of the API request that asked for what is being done with it; empty once that is reached."""
    state: Mapped[State] = mapped_column(EnumText(State), default=State.REQUESTED)
    state_since: Mapped[datetime]
    generation: Mapped[int] = mapped_column(default=0)
    """Grows with every start; a node obeys no command older than what it holds."""
    node_id: Mapped[str | None] = mapped_column(String(16))
    needs_prepare: Mapped[bool] = mapped_column(default=True)
    """Its directory must be built (again) before the next start."""
    discard_changes: Mapped[bool] = mapped_column(default=False)
    """The next preparation throws away what the server has written."""
    ran: Mapped[bool] = mapped_column(default=False)
    """It may have written files on its node, so it cannot go elsewhere without losing them."""
    move: Mapped[dict[str, Any] | None]
    """How far its move to another node is (`moving.py`): step, source, target, since, what is in the object store."""
    kill_at: Mapped[datetime | None]
    """When a kill was asked for; None while it is being stopped gracefully."""
    progress_at: Mapped[datetime | None]
    progress: Mapped[dict[str, Any] | None]
    """Of the preparation under way: step, and 0 to 1 within it."""
    restarts: Mapped[int] = mapped_column(default=0)
    restarts_since: Mapped[datetime | None]
    """How often it was started again by itself, and since when that is counted."""
    restart_choice: Mapped[dict[str, Any] | None]
    """What it wants otherwise than its game when its server ends by itself (`games.restart.RestartChoice`)."""
    attempt: Mapped[int] = mapped_column(default=0)
    """Starts within this generation, as its node counts them; 0: not started yet."""
    retry_at: Mapped[datetime | None]
    """While STARTING: when its node starts it again."""
    setback: Mapped[dict[str, Any] | None]
    """While STARTING: the problem that its last attempt ended with."""
    report_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    """Of the last report taken in; microseconds of the node's clock when its agent started, and counted from there."""

    placement: Mapped[dict[str, Any] | None]
    """Why it is where it is: at, score, candidates."""
    waiting: Mapped[dict[str, Any] | None]
    """Why it has no room: since, summary."""
    problem: Mapped[dict[str, Any] | None]
    exit: Mapped[dict[str, Any] | None]
    """How its process last ended: code, kind, oom_killed, at."""
    log_tail: Mapped[list[str]]
    """Its last words, kept when it failed."""
    timings_ms: Mapped[dict[str, Any]]
    """How long the steps of the last preparation and start took."""
    players: Mapped[list[str]]
    disk_over_since: Mapped[datetime | None]
    """Since when it takes more disk than is reserved for it."""
    start_began_at: Mapped[datetime | None]
    """When the start under way, or the last one, began: with its preparation, if it needed one."""
    started_at: Mapped[datetime | None]

    @property
    def game_definition(self) -> Game:
        return _game(json.dumps(self.definition))

    @property
    def restart_policy(self) -> RestartPolicy:
        """What holds for it: the game's, with what it wants otherwise."""
        policy = RestartPolicy.model_validate(self.definition.get("restart", {}))
        return policy.changed(None if self.restart_choice is None else RestartChoice(**self.restart_choice))


class PortLease(Base):
    """A port of a node that an instance holds, from placement to destruction."""

    __tablename__ = "port_leases"

    node_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    port: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    instance_id: Mapped[str] = mapped_column(String(16), index=True)
    name: Mapped[str] = mapped_column(String(32))
    protocol: Mapped[str] = mapped_column(String(8))


class Leftover(Base):
    """A copy of an instance that a node must destroy, because the instance went elsewhere or is gone."""

    __tablename__ = "leftovers"

    node_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    generation: Mapped[int]
    keep: Mapped[bool] = mapped_column(default=False)
    """It holds a world: it is only stopped there, until somebody lets it be destroyed."""
