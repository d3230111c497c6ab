"""What the gateway shows: the same certificate to everybody, until there is a new one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from hytopus.brain.authority.ca import SERVER_LIFETIME, Authority
from hytopus.brain.gateway.certificates import certificate_changes
from tests.harness.clock import ManualClock
from tests.integration.link.world import Brain, running_arm


async def test_grpc_is_told_of_a_certificate_once(tmp_path: Path) -> None:
    """It frees the one it had, also under the hands of a handshake that goes on beside."""
    clock = ManualClock()
    authority = await Authority.open(tmp_path / "ca", clock=clock)
    changed = certificate_changes(authority)
    assert changed() is None
    await clock.advance(SERVER_LIFETIME.total_seconds() * 0.7)
    assert changed() is not None
    assert changed() is None


async def test_many_nodes_connect_at_once(brain: Brain, tmp_path: Path) -> None:
    identities = [await brain.joined(tmp_path / f"arm-{number}", f"arm-{number}") for number in range(40)]
    async with AsyncExitStack() as stack:
        arms = [await stack.enter_async_context(running_arm(identity)) for identity in identities]
        await asyncio.gather(*(arm.connected() for arm in arms))
