"""What a session of a node works with. Has no sockets: `server.py` adds them, simulations do without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hytopus.brain.authority.ca import Authority, NodeIdentity
from hytopus.brain.brains.fleet import Fleet
from hytopus.brain.crashes.settings import CrashSettings
from hytopus.brain.db.engine import Database
from hytopus.brain.gateway.registry import Sessions
from hytopus.brain.gateway.relay import Relay
from hytopus.brain.nodes.presence import Presence
from hytopus.kit.clock import Clock
from hytopus.storage.base import ObjectStore

URL_LIFETIME_S: Final = 3600
"""How long a node may use a presigned URL before it has to ask for another."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the transport has proven it. Without a serial nothing is checked."""

    node_id: str
    serial: str = ""
    address: str = ""
    identity: NodeIdentity | None = None
    """What its certificate says."""


class Gateway:
    """The Brain's end of all links."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        presence: Presence,
        *,
        clock: Clock,
        brain_id: str = "",
        fleet: Fleet | None = None,
        authority: Authority | None = None,
    ) -> None:
        self.crashes = CrashSettings()
        self.database = database
        self.fleet = fleet or Fleet(database, clock)
        self.store = store
        self.authority = authority
        """None where nobody has a certificate."""
        self.presence = presence
        self.clock = clock
        self.brain_id = brain_id
        self.sessions = Sessions(clock)
        self.relay = Relay(self.sessions, clock)
        self.session_address = ""
        self.join_address = ""
