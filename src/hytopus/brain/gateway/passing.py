"""Passing a file on between another Brain and a node, frame by frame: nothing is kept, and who is slow slows both."""

from __future__ import annotations

import asyncio

from hytopus.wire.channel import LinkClosed, StreamChannel
from hytopus.wire.messages import StreamFrame
from hytopus.wire.peers import GivingFile


async def pass_frames(brain: GivingFile, node: StreamChannel) -> None:
    """Until one of the two ends it. The other Brain, which has asked, is the one that knows when it has all."""
    ways = {asyncio.ensure_future(_to_node(brain, node)), asyncio.ensure_future(_to_brain(node, brain))}
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in done:
            way.result()
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _to_node(brain: GivingFile, node: StreamChannel) -> None:
    while (frame := await brain.receive()) is not None:
        if not isinstance(frame, StreamFrame):
            raise LinkClosed(cause="a second file on one call")
        await node.send(frame)


async def _to_brain(node: StreamChannel, brain: GivingFile) -> None:
    while (frame := await node.receive()) is not None:
        await brain.send(frame)
