"""The node on this machine: joined on the first run, and its agent."""

from __future__ import annotations

from hytopus.node.identity import Identity, NodeNotJoined, load_identity
from hytopus.node.link.joining import join
from hytopus.up.brain import create_join_token, hytopus, node_connected
from hytopus.up.options import UpOptions
from hytopus.up.service import Program, Say


async def ensure_joined(options: UpOptions, token: str, say: Say) -> Identity:
    """This machine's identity; joins with a fresh token if there is none yet."""
    directory = options.data_dir / "node"
    try:
        return load_identity(directory)
    except NodeNotJoined:
        name = options.chosen_name()
        identity = await join(options.url, await create_join_token(options, token, name), directory, name)
        say(f"This machine joined as the node {identity.node_name}.")
        return identity


def node_program(options: UpOptions, token: str, identity: Identity) -> Program:
    first, last = options.game_ports
    environment = {
        "HYTOPUS_NODE__DATA_DIR": str(options.data_dir / "node"),
        "HYTOPUS_NODE__REGION": options.region,
        "HYTOPUS_NODE__ADDRESS": options.chosen_address(),
        "HYTOPUS_NODE__PORTS__FIRST": str(first),
        "HYTOPUS_NODE__PORTS__LAST": str(last),
        "HYTOPUS_NODE__METRICS__PORT": str(options.metrics_port),
    }

    async def ready() -> bool:
        return await node_connected(options, token, identity.node_id)

    return Program("node", hytopus("node", "run"), ready, environment, ready_seconds=90)
