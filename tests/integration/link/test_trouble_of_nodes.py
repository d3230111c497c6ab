"""What is wrong with nodes reaches the Brain: what their doctors find, and a second machine with one identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hytopus.brain.nodes.findings import node_findings
from hytopus.brain.nodes.models import Node
from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.rounds import as_told
from hytopus.node.link.errors import LinkRefused
from tests.integration.link.world import Arm, Brain, running_arm
from tests.services.waiting import eventually

FOUND = Finding(
    "disk_nearly_full",
    Severity.ERROR,
    "the disk",
    "It is nearly full.",
    "9 MB are free.",
    "Use another.",
    params={"free_mb": "9"},
)


async def test_what_a_nodes_doctor_finds_is_known_to_the_brain(brain: Brain, arm: Arm) -> None:
    async def known() -> list[Finding]:
        async with brain.database.read() as session:
            return (await node_findings(session)).get(arm.identity.node_id, [])

    arm.outbox.findings(as_told([FOUND]))
    look: Callable[[], Any] = known
    await eventually(look)
    assert await known() == [FOUND]


async def test_a_second_machine_with_one_identity_is_refused_and_told_of(brain: Brain, arm: Arm) -> None:
    async with running_arm(arm.identity, as_agent="another machine") as copy:
        with pytest.raises(LinkRefused) as caught:
            await copy.task
    assert caught.value.code == "node_identity_in_use"
    async with brain.database.read() as session:
        node = await session.get_one(Node, arm.identity.node_id)
    assert node.doubled_at is not None
    assert node.doubled_from.startswith("127.0.0.1")
    assert arm.link.connected, "the one it belongs to goes on"
