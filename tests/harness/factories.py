"""Rows and messages with everything filled in, so that a test says only what it is about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor, ActorKind
from hytopus.brain.db.engine import Database
from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.states import OnNodeLoss, State, Wanted
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.states import NodeState
from hytopus.brain.templates.models import Template, TemplateVersion
from hytopus.games.definition import Game, Image, Readiness, Stop
from hytopus.kit.ids import new_id
from hytopus.layers.rules import TemplateRules, TemplateType
from hytopus.wire.messages import InstanceReport, NodeFacts, NodeStatus, RegisterNode, StartInstance
from hytopus.wire.version import PROTOCOL
from tests.harness.clock import START

OPERATOR = Actor(ActorKind.USER, "u1", "olga", "127.0.0.1")
READY_LINE = "ready for players"
GAME = Game(
    name="toy",
    title="Toy",
    image=Image(reference="toy:1"),
    command=("toy",),
    ready=Readiness(log=READY_LINE),
    stop=Stop(line="stop"),
)
GAMES = Catalogue({"toy": GAME})


def make_node(**values: Any) -> Node:
    """An online node with room for eight instances of the default size."""
    node_id = values.pop("id", None) or new_id()
    given: dict[str, Any] = {
        "id": node_id,
        "name": values.pop("name", f"node-{node_id}"),
        "state": NodeState.ONLINE,
        "state_since": START,
        "joined_at": START,
        "agent_id": "agent",
        "cordoned": False,
        "draining": False,
        "off": False,
        "drain_force": False,
        "drain_move": False,
        "leases": True,
        "dev_mode": False,
        "region": "",
        "environment": "",
        "address": "203.0.113.5",
        "slots": 8,
        "cpus": 8.0,
        "memory_mb": 8192,
        "disk_mb": 16384,
        "port_first": 30000,
        "port_last": 30099,
        "tags": [],
        "facts": {},
        "overrides": {},
    }
    return Node(**{**given, **values})


def make_instance(**values: Any) -> Instance:
    """A requested instance of 1 GB that is to run."""
    instance_id = values.pop("id", None) or new_id()
    given: dict[str, Any] = {
        "id": instance_id,
        "name": values.pop("name", f"instance-{instance_id}"),
        "created_at": START,
        "game": GAME.name,
        "definition": GAME.model_dump(mode="json"),
        "requested_layers": ["base"],
        "layers": [
            {
                "template_id": "base",
                "version": "1",
                "checksum": "0" * 64,
                "size": 1,
                "s3_key": "templates/base/1.tar.zst",
                "type": "master",
            }
        ],
        "variables": {},
        "secrets": {},
        "secret_names": [],
        "defaults": {},
        "requested_ports": {},
        "details": {},
        "memory_mb": 1024,
        "cpus": 1.0,
        "disk_mb": 1024,
        "region": "",
        "tags": [],
        "dev": False,
        "environment": "",
        "autostart": True,
        "persistent": True,
        "on_node_loss": OnNodeLoss.WAIT,
        "lease_s": 300.0,
        "leased_s": 0.0,
        "wanted": Wanted.RUNNING,
        "state": State.REQUESTED,
        "state_since": START,
        "generation": 0,
        "needs_prepare": True,
        "discard_changes": False,
        "ran": False,
        "restarts": 0,
        "attempt": 0,
        "report_sequence": 0,
        "log_tail": [],
        "timings_ms": {},
        "players": [],
    }
    return Instance(**{**given, **values})


def on_node(node: Node, state: State, *, port: int = 30000, **values: Any) -> tuple[Instance, PortLease]:
    """An instance that lives on a node in some state, with its port."""
    started = state in (State.STARTING, State.RUNNING, State.STOPPING, State.LOST)
    given = {
        "node_id": node.id,
        "generation": 1,
        "needs_prepare": state is State.PREPARING,
        "ran": started,
        "progress_at": START,
        "started_at": START if started and state is not State.STARTING else None,
    }
    instance = make_instance(state=state, **{**given, **values})
    lease = PortLease(node_id=node.id, port=port, instance_id=instance.id, name="game", protocol="udp")
    return instance, lease


async def add(database: Database, *rows: Any) -> None:
    async with database.write() as session:
        session.add_all(rows)


async def load(session: AsyncSession, instance: Instance) -> Instance:
    row = await session.get(Instance, instance.id, with_for_update=True)
    assert row is not None
    return row


async def reload(database: Database, instance: Instance) -> Instance:
    async with database.read() as session:
        row = await session.get(Instance, instance.id)
        assert row is not None
        return row


def report(instance: Instance, status: NodeStatus, **values: Any) -> InstanceReport:
    return InstanceReport(instance.id, values.pop("generation", instance.generation), status, **values)


def registration(*inventory: InstanceReport, **facts: Any) -> RegisterNode:
    given = {
        "cpus": 8.0,
        "memory_mb": 8192,
        "disk_mb": 16384,
        "slots": 8,
        "address": "203.0.113.5",
        "port_first": 30000,
        "port_last": 30099,
    }
    return RegisterNode(PROTOCOL, "agent", NodeFacts(**{**given, **facts}), inventory=inventory)


def make_template(template_id: str = "base", version: str = "1", *, number: int = 1, **rules: Any) -> list[Any]:
    """A template with one version. Add `[1]` alone for further versions."""
    parsed = TemplateRules.model_validate({"type": "master", "game": "toy", **rules})
    return [
        Template(
            id=template_id, type=TemplateType.MASTER, description="", created_at=START, updated_at=START, tag_rows=[]
        ),
        TemplateVersion(
            template_id=template_id,
            version=version,
            number=number,
            checksum=f"{number:064x}",
            size=100,
            s3_key=f"templates/{template_id}/{version}.tar.zst",
            format="tar.zst",
            files=1,
            rules=parsed.model_dump(mode="json"),
            created_at=START,
            created_by="olga",
        ),
    ]


def later(seconds: float) -> datetime:
    return datetime.fromtimestamp(START.timestamp() + seconds, tz=START.tzinfo)


def start_of(instance: Instance, generation: int | None = None) -> StartInstance:
    """The command that starts it."""
    policy = instance.restart_policy.model_dump_json()
    number = instance.generation if generation is None else generation
    return StartInstance(instance.id, number, policy, autostart=instance.autostart)
