"""The table of nodes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.db.base import Base
from hytopus.brain.db.scope import Placed
from hytopus.brain.db.types import EnumText
from hytopus.brain.nodes.states import NodeState
from hytopus.kit.ids import new_id


class Node(Placed, Base):
    """A machine that has joined. What it offers is the operator's override or what the node says of itself."""

    __tablename__ = "nodes"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[NodeState] = mapped_column(EnumText(NodeState), default=NodeState.OFFLINE)
    state_since: Mapped[datetime]
    joined_at: Mapped[datetime]
    last_seen: Mapped[datetime | None]
    """When its last session began or ended; `Presence` knows of every heartbeat."""
    agent_id: Mapped[str] = mapped_column(String(64), default="")
    """The one machine and data directory this identity belongs to; empty until the first session."""

    cordoned: Mapped[bool] = mapped_column(default=False)
    draining: Mapped[bool] = mapped_column(default=False)
    drain_deadline: Mapped[datetime | None]
    drain_force: Mapped[bool] = mapped_column(default=False)
    """Its servers are killed at once."""
    drain_move: Mapped[bool] = mapped_column(default=False)
    """Instances with worlds are moved elsewhere, too."""
    lost_at: Mapped[datetime | None]
    """When an operator declared it lost; taken back when it returns. From then on it is granted no lease."""
    off: Mapped[bool] = mapped_column(default=False)
    """Declared lost by somebody who has seen to it that the machine is off: nothing can run there."""
    leases: Mapped[bool] = mapped_column(default=False)
    """Its agent keeps leases: it stops what it was lent when it has been cut off for too long."""
    dev_mode: Mapped[bool] = mapped_column(default=False)
    origin: Mapped[str] = mapped_column(String(64), default="")
    """Id of the API request that last decided something about it."""

    environment: Mapped[str] = mapped_column(String(64), default="")
    address: Mapped[str] = mapped_column(String(255), default="")
    """Where players reach it."""
    slots: Mapped[int] = mapped_column(default=0)
    cpus: Mapped[float] = mapped_column(default=0.0)
    memory_mb: Mapped[int] = mapped_column(default=0)
    disk_mb: Mapped[int] = mapped_column(default=0)
    port_first: Mapped[int] = mapped_column(default=0)
    port_last: Mapped[int] = mapped_column(default=0)

    revoked_at: Mapped[datetime | None]
    """Certificates signed before are refused."""
    doubled_at: Mapped[datetime | None]
    """When another machine last came with its identity, and was refused."""
    doubled_from: Mapped[str] = mapped_column(String(64), default="")
    relearn: Mapped[bool] = mapped_column(default=False)
    """The Brain came back from a backup and has not yet asked this node what happened since."""
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """`wire.messages.NodeFacts` as the node last sent them."""
    overrides: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the operator decided instead: region, tags, environment, address, slots."""


class Restore(Base):
    """The Brain came back from a backup. What happened between `backup_at` and then, only nodes remember."""

    __tablename__ = "restores"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    backup_id: Mapped[str] = mapped_column(String(16))
    backup_at: Mapped[datetime]
    restored_at: Mapped[datetime]
    began_at: Mapped[datetime | None]
    """When a Brain first ran after it."""
    learned_at: Mapped[datetime | None]
    """Until then nothing is placed: what seems to wait for a node may run on one that has not come back yet."""


class NodeFindings(Base):
    """What a node's doctor found when it last looked."""

    __tablename__ = "node_findings"

    node_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    at: Mapped[datetime]
    """Since when it says just that."""
    findings: Mapped[list[dict[str, Any]]]


class NodeSession(Base):
    """Which Brain holds a node's session. A node that has never been connected has no row.

    Times are the database's.
    """

    __tablename__ = "node_sessions"

    node_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    brain_id: Mapped[str] = mapped_column(String(16))
    session_id: Mapped[str] = mapped_column(String(16))
    """Another one for each session: whoever ends an older one must not touch the row."""
    since: Mapped[datetime]
    heard_at: Mapped[datetime]
    """Its last heartbeat that was written down for the other Brains."""
    interval_s: Mapped[float]
    heartbeat: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    """That heartbeat, as it came over the wire."""
