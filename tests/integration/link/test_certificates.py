"""What the gateway shows: the same certificate to everybody, until there is a new one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from hytopus.brain.authority.ca import SERVER_LIFETIME, Authority
from hytopus.brain.gateway.certificates import SETTLE_S, certificate_changes
from tests.harness.clock import ManualClock
from tests.integration.link.world import Brain, running_arm


async def test_grpc_is_told_of_a_certificate_once(tmp_path: Path) -> None:
    """It frees the one it had, also under the hands of a handshake that goes on beside."""
    clock = ManualClock()
    authority = await Authority.open(tmp_path / "ca", clock=clock)
    waited: list[float] = []
    changed = certificate_changes(authority, settle=waited.append)
    assert changed() is None
    await clock.advance(SERVER_LIFETIME.total_seconds() * 0.7)
    assert waited == []
    assert changed() is not None
    assert waited == [SETTLE_S], "a handshake that was given the old one is reading it"
    assert changed() is None
    assert len(waited) == 1


async def test_threads_that_ask_at_once_get_the_same_certificate(tmp_path: Path) -> None:
    authority = await Authority.open(tmp_path / "ca", clock=ManualClock())
    pairs = await asyncio.gather(*(asyncio.to_thread(authority.server_certificate) for _ in range(16)))
    assert len(set(pairs)) == 1


async def test_many_nodes_connect_at_once(brain: Brain, tmp_path: Path) -> None:
    identities = [await brain.joined(tmp_path / f"arm-{number}", f"arm-{number}") for number in range(40)]
    async with AsyncExitStack() as stack:
        arms = [await stack.enter_async_context(running_arm(identity)) for identity in identities]
        await asyncio.gather(*(arm.connected() for arm in arms))
