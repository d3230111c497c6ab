"""A node's identity can be ended at once, and its place be taken again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from hytopus.brain.activity.actor import SYSTEM
from hytopus.brain.activity.models import Event
from hytopus.brain.authority.commands import revoke
from hytopus.brain.instances.states import State
from hytopus.brain.nodes.models import Node
from hytopus.node.identity import load_identity
from hytopus.node.link.dialer import GrpcDialer
from hytopus.node.link.errors import LinkRefused
from hytopus.node.link.joining import join
from hytopus.node.link.renewal import renew
from tests.integration.link.world import Arm, Brain, running_arm
from tests.services.waiting import eventually


async def end(brain: Brain, node_id: str) -> None:
    async with brain.database.write() as session:
        node = await session.get_one(Node, node_id)
        revoke(session, node, actor=SYSTEM, at=brain.clock.now())


async def refused(arm: Arm) -> str:
    """The link gives up, because somebody has to do something; what it was told."""
    with pytest.raises(LinkRefused) as caught:
        await arm.task
    return caught.value.code


async def test_the_session_is_cut_at_once_and_no_other_begins(brain: Brain, tmp_path: Path) -> None:
    identity = await brain.joined(tmp_path / "node")
    async with running_arm(identity) as arm:
        await arm.connected()
        await end(brain, identity.node_id)
        await eventually(arm.task.done, what="the session to be cut")
        assert await refused(arm) == "certificate_revoked"
    async with running_arm(identity) as again:
        assert await refused(again) == "certificate_revoked"
    dialer = GrpcDialer(identity)
    assert not await renew(identity, dialer)
    await dialer.close()


async def test_a_brain_that_starts_later_refuses_it_too(brain: Brain, tmp_path: Path) -> None:
    identity = await brain.joined(tmp_path / "node")
    await end(brain, identity.node_id)
    other = Brain(brain.database, brain.directory, brain.clock, name="other")
    async with other.serving() as gateway:
        there = replace(identity, session_address=f"127.0.0.1:{gateway.session_address.rpartition(':')[2]}")
        async with running_arm(there) as arm:
            assert await refused(arm) == "certificate_revoked"


async def test_a_machine_that_was_installed_anew_takes_its_place(brain: Brain, tmp_path: Path) -> None:
    first = await brain.joined(tmp_path / "before", "arm-1")
    async with running_arm(first) as arm:
        await arm.connected()
        lobby = await brain.instance(first.node_id, State.RUNNING)
        token = await brain.token(name="arm-1", rejoins=first.node_id)
        second = await join(brain.url, token, tmp_path / "after", "arm-1")
        assert second.node_id == first.node_id
        await eventually(arm.task.done, what="the former machine to be cut off")
        assert await refused(arm) == "certificate_revoked"
    async with running_arm(load_identity(tmp_path / "after")) as arm:
        await arm.connected()
        assert await brain.state_of(lobby) is State.FAILED  # its files were on the former disk
    async with brain.database.read() as session:
        kinds = await session.scalars(select(Event.kind).where(Event.kind == "node.rejoined"))
        assert len(kinds.all()) == 1


async def test_a_token_to_rejoin_serves_once_and_for_that_name(brain: Brain, tmp_path: Path) -> None:
    first = await brain.joined(tmp_path / "before", "arm-1")
    token = await brain.token(name="arm-1", rejoins=first.node_id)
    with pytest.raises(LinkRefused) as caught:
        await join(brain.url, token, tmp_path / "other", "arm-2")
    assert caught.value.code == "join_token_for_other_node"
    await join(brain.url, token, tmp_path / "after", "arm-1")
    with pytest.raises(LinkRefused) as caught:
        await join(brain.url, token, tmp_path / "thief", "arm-1")
    assert caught.value.code == "join_token_used"
