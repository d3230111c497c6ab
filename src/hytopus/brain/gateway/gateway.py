"""What a session of a node works with. Has no sockets: `server.py` adds them, simulations do without."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from hytopus.brain.authority.ca import Authority, NodeIdentity
from hytopus.brain.brains.fleet import Fleet
from hytopus.brain.crashes.settings import CrashSettings
from hytopus.brain.db.engine import Database
from hytopus.brain.gateway.registry import Sessions
from hytopus.brain.gateway.relay import Relay
from hytopus.brain.gateway.rounds import REPORTS, look_together, placed_on, take_in
from hytopus.brain.gateway.signing import Signer
from hytopus.brain.nodes.presence import Presence
from hytopus.kit.clock import Clock
from hytopus.kit.rush import Rush
from hytopus.kit.together import Together
from hytopus.storage.base import ObjectStore


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
        self.rush = Rush(clock)
        """What sessions do gives way to it."""
        self.signer = Signer(store, clock)
        self.look = Together(partial(look_together, database), gives_way=self.rush)
        """What a node must do now; for many nodes at once when many have to look."""
        self.placed_on = Together(partial(placed_on, database), gives_way=self.rush)
        """The instances that are placed on a node."""
        self.take_in = Together(partial(take_in, database, clock), most=REPORTS, gives_way=self.rush)
        """A node's reports; those of many nodes in one transaction when many have some."""
        self.brain_id = brain_id
        self.sessions = Sessions(clock)
        self.relay = Relay(self.sessions, clock)
        self.session_address = ""
        self.join_address = ""
