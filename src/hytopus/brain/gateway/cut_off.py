"""A Brain that has lost its database sends its nodes to the others."""

from __future__ import annotations

from typing import NoReturn

from hytopus.brain.brains.fleet import BEAT_S
from hytopus.brain.gateway.gateway import Gateway
from hytopus.kit.logs import get_logger

log = get_logger(__name__)


async def send_nodes_away(gateway: Gateway) -> NoReturn:
    """When cut off, until cancelled. Without it, nodes would stay with a Brain that the others count as gone."""
    while True:
        await gateway.clock.sleep(BEAT_S)
        seconds = gateway.fleet.cut_off_s
        if seconds is not None and len(gateway.sessions):
            log.error("cut off from the database; the nodes have to find another Brain", seconds=round(seconds, 1))
            await gateway.sessions.drop()
