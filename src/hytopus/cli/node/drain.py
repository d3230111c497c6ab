"""Looking on while a node is drained."""

from __future__ import annotations

import asyncio
from typing import Final

from hytopus.cli.connection.client import Api, Json, at
from hytopus.cli.terminal.progress import steps_bar

_LOOK_AGAIN: Final = 1.0


async def watch_drain(api: Api, node: Json) -> Json:
    """The node once its drain is done, or was lifted by somebody else."""
    whole = _left(node)
    with steps_bar(f"draining {node['name']}", whole) as done:
        while node["drain"] and not node["drain"]["done"]:
            done(max(0, whole - _left(node)), ", ".join(node["drain"]["remaining"][:3]))
            await asyncio.sleep(_LOOK_AGAIN)
            node = await api.get(at("nodes", node["id"]))
        done(whole, "")
    return node


def _left(node: Json) -> int:
    drain = node["drain"]
    return len(drain["remaining"]) + int(drain["clearing"]) if drain else 0
