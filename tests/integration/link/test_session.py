"""Sessions over mTLS: commands, reports, refusals, and coming back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from hytopus.brain.activity.actor import SYSTEM
from hytopus.brain.authority.ca import Authority
from hytopus.brain.instances.states import State
from hytopus.brain.nodes import commands as nodes
from hytopus.brain.nodes import queries as node_queries
from hytopus.brain.nodes.states import NodeState
from hytopus.kit.clock import SystemClock
from hytopus.node.identity import Identity, save_certificate, signing_request
from hytopus.node.link.dialer import GrpcDialer
from hytopus.node.link.errors import LinkRefused
from hytopus.node.link.renewal import due, renew
from hytopus.wire.messages import InstanceReport, NodeStatus, PrepareInstance, SetDevMode, StartInstance
from tests.harness.factories import start_of
from tests.integration.link.world import Arm, Brain, running_arm
from tests.services.waiting import eventually


async def node_state(brain: Brain, node_id: str) -> NodeState:
    async with brain.database.read() as session:
        node = await node_queries.get(session, node_id)
        assert node is not None
        return node.state


async def test_a_node_is_online_while_its_session_stands(brain: Brain, tmp_path: Path) -> None:
    identity = await brain.joined(tmp_path / "node")
    async with running_arm(identity) as arm:
        await arm.connected()
        assert await node_state(brain, identity.node_id) is NodeState.ONLINE
        await eventually(lambda: brain.gateway.presence.load(identity.node_id))
        assert arm.agent.welcomes[0].node_name == "arm-1"
    await eventually(lambda: not brain.gateway.sessions.online(identity.node_id))
    assert await node_state(brain, identity.node_id) is NodeState.SUSPECT


async def test_commands_come_once_and_reports_are_taken(brain: Brain, arm: Arm) -> None:
    instance = await brain.instance(arm.identity.node_id, State.PREPARING)
    brain.database.signals.publish("node", arm.identity.node_id)
    (prepare,) = await eventually(lambda: [c for c in arm.agent.commands if isinstance(c, PrepareInstance)])
    assert prepare.template_layers[0].url.startswith("memory://")
    assert "t/base/1" in prepare.template_layers[0].url
    arm.outbox.report(InstanceReport(instance.id, 1, NodeStatus.PREPARED))
    await eventually(lambda: start_of(instance, 1) in arm.agent.commands)
    await eventually(lambda: len(arm.outbox) == 0, what="the report to be acknowledged")
    assert await brain.state_of(instance) is State.STARTING
    kinds = [type(command) for command in arm.agent.commands]
    assert kinds == [SetDevMode, PrepareInstance, StartInstance]


async def test_a_failing_agent_does_not_end_the_session(brain: Brain, arm: Arm) -> None:
    arm.agent.failing = True
    await eventually(lambda: arm.agent.commands == [SetDevMode(False)])
    await brain.gateway.sessions.set_dev_mode(arm.identity.node_id, True)
    await eventually(lambda: arm.agent.commands == [SetDevMode(False), SetDevMode(True)])
    assert arm.link.connected


async def test_urls_that_ran_out_are_renewed(brain: Brain, arm: Arm) -> None:
    instance = await brain.instance(arm.identity.node_id, State.PREPARING)
    brain.database.signals.publish("node", arm.identity.node_id)
    await eventually(lambda: any(isinstance(c, PrepareInstance) for c in arm.agent.commands))
    arm.outbox.renew_urls(instance.id, 1)
    await eventually(lambda: sum(isinstance(c, PrepareInstance) for c in arm.agent.commands) == 2)


async def test_dev_mode_reaches_the_node(brain: Brain, arm: Arm) -> None:
    async with brain.database.write() as session:
        node = await node_queries.get(session, arm.identity.node_id)
        assert node is not None
        nodes.set_dev_mode(session, node, enabled=True, actor=SYSTEM, at=brain.clock.now())
    await eventually(lambda: SetDevMode(True) in arm.agent.commands)


async def test_reports_survive_an_absent_brain(stopped_brain: Brain, tmp_path: Path) -> None:
    brain = stopped_brain
    async with brain.serving():
        identity = await brain.joined(tmp_path / "node")
        instance = await brain.instance(identity.node_id, State.RUNNING)
    async with running_arm(identity) as arm:
        await eventually(lambda: arm.link.last_problem)
        assert arm.link.last_problem is not None
        assert arm.link.last_problem.code == "brain_unreachable"
        failed = InstanceReport(instance.id, 1, NodeStatus.FAILED, exit_code=1, exit_kind="crash", log_tail=("boom",))
        arm.outbox.report(failed)
        arm.agent.standing = (failed,)
        assert len(arm.outbox) == 1
        async with brain.serving():
            await arm.connected()
            await eventually(lambda: len(arm.outbox) == 0)
            assert await brain.state_of(instance) is State.FAILED


async def test_a_node_returns_after_a_restart_of_the_brain(stopped_brain: Brain, tmp_path: Path) -> None:
    brain = stopped_brain
    async with brain.serving():
        identity = await brain.joined(tmp_path / "node")
        instance = await brain.instance(identity.node_id, State.STARTING)
    standing = InstanceReport(instance.id, 1, NodeStatus.STARTING)
    async with running_arm(identity) as arm:
        arm.agent.standing = (standing,)
        for _ in range(2):
            async with brain.serving():
                await arm.connected()
                await eventually(lambda: start_of(instance, 1) in arm.agent.commands)
                arm.agent.commands.clear()
            await eventually(lambda: not arm.link.connected, timeout=2, what="the end of the session to be noticed")
        assert await node_state(brain, identity.node_id) is NodeState.ONLINE, "a Brain that stops blames no node"


async def test_a_copied_identity_is_refused(brain: Brain, arm: Arm, tmp_path: Path) -> None:
    shutil.copytree(arm.identity.directory, tmp_path / "copy")
    copy = replace(arm.identity, directory=tmp_path / "copy")
    async with running_arm(copy) as thief:
        with pytest.raises(LinkRefused) as caught:
            await thief.task
    assert caught.value.code == "node_identity_in_use"
    assert arm.link.connected, "the copy cannot end the session of the original"


async def test_the_same_agent_takes_its_session_over(brain: Brain, arm: Arm) -> None:
    async with running_arm(arm.identity) as again:
        await again.connected()
        await eventually(lambda: arm.link.last_problem, what="the former session to be ended")
        arm.task.cancel()
        await again.connected()
        assert brain.gateway.sessions.online(arm.identity.node_id)
        assert await node_state(brain, arm.identity.node_id) is NodeState.ONLINE


async def test_a_removed_node_is_refused(brain: Brain, arm: Arm) -> None:
    async with brain.database.write() as session:
        node = await node_queries.get(session, arm.identity.node_id)
        assert node is not None
        await nodes.remove(session, node, actor=SYSTEM, at=brain.clock.now())
    with pytest.raises(LinkRefused) as caught:
        await arm.task
    assert caught.value.code == "certificate_revoked"
    assert "join" in caught.value.advice.lower()
    async with running_arm(arm.identity) as again:
        with pytest.raises(LinkRefused):
            await again.task


async def test_a_foreign_certificate_is_refused(brain: Brain, tmp_path: Path) -> None:
    identity = await brain.joined(tmp_path / "node")
    foreign = await Authority.open(tmp_path / "foreign", clock=SystemClock())
    _sign_anew(identity, foreign)
    async with running_arm(identity) as arm:
        await eventually(lambda: arm.link.last_problem)
        assert arm.link.last_problem is not None
        assert arm.link.last_problem.code == "certificate_not_accepted"
        assert not brain.gateway.sessions.online(identity.node_id)


async def test_a_certificate_the_brain_does_not_remember(brain: Brain, tmp_path: Path) -> None:
    identity = await brain.joined(tmp_path / "node")
    _sign_anew(identity, brain.authority)
    async with running_arm(identity) as arm:
        with pytest.raises(LinkRefused) as caught:
            await arm.task
        assert caught.value.code == "certificate_revoked"


async def test_another_brain_at_the_address(brain: Brain, tmp_path: Path) -> None:
    identity = await brain.joined(tmp_path / "node")
    foreign = await Authority.open(tmp_path / "foreign", clock=SystemClock())
    (identity.directory / "ca.pem").write_text(foreign.ca_pem)
    async with running_arm(identity) as arm:
        await eventually(lambda: arm.link.last_problem)
        assert arm.link.last_problem is not None
        assert arm.link.last_problem.code == "ca_mismatch"


async def test_renewal_replaces_the_certificate(brain: Brain, arm: Arm) -> None:
    identity, before = arm.identity, arm.identity.certificate_pem
    assert due(identity.valid()) > brain.clock.now()
    assert await renew(identity, GrpcDialer(identity))
    assert identity.certificate_pem != before
    await brain.gateway.sessions.disconnect(identity.node_id)
    await eventually(lambda: len(arm.agent.welcomes) == 2)
    renewed = identity.certificate_pem
    save_certificate(identity.directory, before.decode())
    await brain.gateway.sessions.disconnect(identity.node_id)
    with pytest.raises(LinkRefused) as caught:
        await arm.task
    assert caught.value.code == "certificate_revoked"
    save_certificate(identity.directory, renewed.decode())
    async with running_arm(identity) as again:
        await again.connected()


def _sign_anew(identity: Identity, authority: Authority) -> None:
    """The right key and the right name, signed by whom the test wants."""
    csr = x509.load_pem_x509_csr(signing_request(identity.directory).encode())
    save_certificate(identity.directory, authority.sign_node(identity.node_id, csr).certificate_pem)
