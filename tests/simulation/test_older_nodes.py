"""A rolling upgrade: Brains come first, and nodes of an earlier release and protocol number go on as before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hytopus.brain.instances.states import State
from hytopus.wire import version
from tests.harness.cluster import open_cluster
from tests.harness.older import CONTRACTS, contract_of

NUMBERS = range(version.OLDEST, version.PROTOCOL + 1)
OLDER = pytest.mark.parametrize("protocol", NUMBERS)


def test_the_contract_of_every_protocol_that_is_understood_is_kept() -> None:
    assert {f"protocol_{number}" for number in NUMBERS} <= {path.name for path in CONTRACTS.iterdir()}


@OLDER
async def test_an_older_node_lives_through_everything_beside_a_new_one(protocol: int) -> None:
    async with open_cluster() as cluster:
        old = await cluster.add_node("old", contract=contract_of(protocol))
        await cluster.add_node("new")
        await cluster.clock.advance(5)
        await cluster.create(*({"name": f"lobby-{number}"} for number in range(4)))
        await cluster.clock.advance(20)
        assert {instance.state for instance in await cluster.instances()} == {State.RUNNING}
        on_old = [instance for instance in await cluster.instances() if instance.node_id == old.node_id]
        assert len(on_old) == 2
        old.machine.crash(on_old[0].id)
        await cluster.ask("restart", on_old[1].name)
        await cluster.clock.advance(120)
        assert {instance.state for instance in await cluster.instances()} == {State.RUNNING}
        await cluster.ask("stop", on_old[0].name)
        await cluster.ask("destroy", on_old[1].name)
        await cluster.clock.advance(60)
        assert not old.machine.processes
        assert old.machine.holds == {on_old[0].id}
        await cluster.ask("start", on_old[0].name)
        await cluster.decide("drain", old, deadline=timedelta(seconds=20))
        await cluster.clock.advance(40)
        assert not old.machine.processes
        await cluster.decide("undrain", old)
        await cluster.converge()


@OLDER
async def test_brains_are_upgraded_one_after_the_other_under_nodes_that_are_not(
    protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They speak a higher number by then, and nothing that runs is touched."""
    async with open_cluster(brains=2) as cluster:
        nodes = [await cluster.add_node(name, contract=contract_of(protocol)) for name in ("a", "b", "c")]
        await cluster.create(*({"name": f"lobby-{number}"} for number in range(6)))
        await cluster.clock.advance(20)
        started = cluster.world.started
        for name in cluster.brains:
            await cluster.kill_brain(name)
            monkeypatch.setattr(version, "PROTOCOL", version.PROTOCOL + 1)
            await cluster.clock.advance(30)
            await cluster.start_brain(name)
            await cluster.clock.advance(30)
        assert {instance.state for instance in await cluster.instances()} == {State.RUNNING}
        assert cluster.world.started == started == sum(len(node.machine.processes) for node in nodes)
        await cluster.create({"name": "late"})
        await cluster.ask("restart", "lobby-0")
        await cluster.clock.advance(60)
        await cluster.converge()


@OLDER
async def test_an_older_node_that_keeps_no_leases_is_not_relied_upon(protocol: int) -> None:
    """Its instances are never started elsewhere because a lease has run out there: it does not stop them."""
    async with open_cluster() as cluster:
        old = await cluster.add_node("old", contract=contract_of(protocol))
        await cluster.create({"name": "world", "on_node_loss": "replace"})
        await cluster.clock.advance(20)
        other = await cluster.add_node("new")
        old.faults.partition()
        await cluster.clock.advance(3600)
        assert not other.machine.processes
        old.faults.heal()
        await cluster.clock.advance(60)
        assert [instance.state for instance in await cluster.instances()] == [State.RUNNING]
        await cluster.check()
