"""A Brain that came back from a backup: its nodes know better, and nothing that runs is touched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from hytopus.brain.activity.models import Event
from hytopus.brain.backups.restore import mark
from hytopus.brain.db.base import Base
from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes.restored import AT_MOST
from tests.harness.cluster import Cluster, open_cluster
from tests.simulation import stories

VERBS = ("create", "destroy", "stop", "start", "restart", "crash", "power_off", "nothing")


class Backup:
    """Every row, as it was."""

    def __init__(self, at: datetime, rows: dict[Table, list[dict[str, Any]]]) -> None:
        self.at, self.rows = at, rows

    @classmethod
    async def take(cls, cluster: Cluster) -> Backup:
        async with cluster.database.reader.connect() as connection:
            found = {
                table: [dict(row._mapping) for row in await connection.execute(select(table))]
                for table in Base.metadata.sorted_tables
                if table.name != "audit_records"  # which the database itself keeps from being changed
            }
        return cls(cluster.clock.now(), found)

    async def bring_back(self, cluster: Cluster) -> None:
        """The Brain and its disk are lost; another one begins with this."""
        await cluster.kill_brain()
        async with cluster.database.writer.begin() as connection:
            for table in reversed(self.rows):
                await connection.execute(table.delete())
            for table, rows in self.rows.items():
                if rows:
                    await connection.execute(table.insert(), rows)
            await mark(connection, "backup", self.at, at=cluster.clock.now())
        await cluster.start_brain()


async def by_name(cluster: Cluster) -> dict[str, Instance]:
    return {instance.name: instance for instance in await cluster.instances()}


async def ports(cluster: Cluster) -> set[tuple[str, int]]:
    async with cluster.database.read() as session:
        return {(lease.instance_id, lease.port) for lease in await session.scalars(select(PortLease))}


async def test_what_was_created_after_the_backup_is_adopted_whole() -> None:
    async with open_cluster() as cluster:
        for name in ("a", "b"):
            await cluster.add_node(name)
        await cluster.create({"name": "old"})
        await cluster.clock.advance(20)
        backup = await Backup.take(cluster)
        await cluster.create(
            {"name": "new", "memory_mb": 512, "variables": {"SEED": "42"}, "metadata": {"owner": "ann"}, "tags": []}
        )
        await cluster.clock.advance(20)
        before, leases = await by_name(cluster), await ports(cluster)
        await backup.bring_back(cluster)
        await cluster.clock.advance(60)
        after = await by_name(cluster)
        assert after.keys() == {"old", "new"}
        for column in ("id", "state", "wanted", "generation", "node_id", "memory_mb", "variables", "details", "layers"):
            assert getattr(after["new"], column) == getattr(before["new"], column), column
        assert await ports(cluster) == leases
        assert cluster.world.started == 2
        await cluster.ask("restart", "new")
        await cluster.clock.advance(30)
        assert (await by_name(cluster))["new"].state is State.RUNNING
        await cluster.check()


async def test_what_was_destroyed_stopped_or_started_after_it_stands_so_again() -> None:
    async with open_cluster() as cluster:
        await cluster.add_node("a")
        await cluster.create({"name": "gone"}, {"name": "halted"}, {"name": "again"}, {"name": "woken"})
        await cluster.clock.advance(20)
        await cluster.ask("stop", "woken")
        await cluster.clock.advance(20)
        backup = await Backup.take(cluster)
        await cluster.ask("destroy", "gone")
        await cluster.ask("stop", "halted")
        await cluster.ask("restart", "again")
        await cluster.ask("start", "woken")
        await cluster.clock.advance(30)
        started = cluster.world.started
        await backup.bring_back(cluster)
        await cluster.clock.advance(60)
        after = await by_name(cluster)
        assert {name: (each.state, each.wanted) for name, each in after.items()} == {
            "halted": (State.STOPPED, Wanted.STOPPED),
            "again": (State.RUNNING, Wanted.RUNNING),
            "woken": (State.RUNNING, Wanted.RUNNING),
        }
        assert cluster.world.started == started
        assert not await cluster.unfinished()


async def test_a_name_taken_again_after_the_backup_is_not_lost() -> None:
    """`lobby` was destroyed and made anew elsewhere; its new node is back before the one with the grave."""
    async with open_cluster() as cluster:
        a, b = await cluster.add_node("a"), await cluster.add_node("b")
        await cluster.create({"name": "lobby", "node": "a"})
        await cluster.clock.advance(20)
        backup = await Backup.take(cluster)
        await cluster.ask("destroy", "lobby")
        await cluster.clock.advance(20)
        await cluster.create({"name": "lobby", "node": "b"})
        await cluster.clock.advance(20)
        a.faults.partition()
        await backup.bring_back(cluster)
        await cluster.clock.advance(60)
        [other] = [name for name in await by_name(cluster) if name != "lobby"]
        assert other.startswith("lobby-")
        a.faults.heal()
        await cluster.clock.advance(60)
        assert [name for name, each in (await by_name(cluster)).items() if each.state is State.RUNNING] == [other]
        assert len(b.machine.processes) == 1
        assert cluster.world.started == 2


async def test_what_waited_for_a_node_is_not_placed_twice() -> None:
    """In the backup it waits; since then a node has taken it, and that node is late."""
    async with open_cluster() as cluster:
        backup_holder: list[Backup] = []
        await cluster.create({"name": "lobby"})
        await cluster.clock.advance(5)
        a = await cluster.add_node("a")
        await cluster.kill_agent(a)
        backup_holder.append(await Backup.take(cluster))
        cluster.start_agent(a)
        await cluster.clock.advance(60)
        assert len(a.machine.processes) == 1
        a.faults.partition()
        await backup_holder[0].bring_back(cluster)
        b = await cluster.add_node("b")
        await cluster.clock.advance(AT_MOST.total_seconds() - 30)
        assert not b.machine.processes
        a.faults.heal()
        await cluster.clock.advance(60)
        assert (await by_name(cluster))["lobby"].node_id == a.node_id
        assert (len(a.machine.processes), len(b.machine.processes)) == (1, 0)


async def test_a_node_that_never_comes_back_does_not_hold_up_the_rest() -> None:
    async with open_cluster() as cluster:
        a = await cluster.add_node("a")
        await cluster.clock.advance(5)
        backup = await Backup.take(cluster)
        await cluster.kill_agent(a)
        await backup.bring_back(cluster)
        await cluster.add_node("b")
        await cluster.create({"name": "lobby"})
        await cluster.clock.advance(60)
        assert (await by_name(cluster))["lobby"].state is State.REQUESTED
        await cluster.clock.advance(AT_MOST.total_seconds())
        assert (await by_name(cluster))["lobby"].state is State.RUNNING
        async with cluster.database.read() as session:
            told = (await session.scalars(select(Event.message).where(Event.kind == "brain.learned"))).all()
        assert told == [
            "The Brain has learned from its nodes what happened since the backup; 1 nodes have not come back."
        ]


@settings(max_examples=stories(30), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 5), st.integers(0, 40)), max_size=12), st.data())
async def test_whatever_happened_since_the_backup(did: list[tuple[str, int, int]], data: st.DataObject) -> None:
    async with open_cluster() as cluster:
        for name in ("a", "b"):
            await cluster.add_node(name)
        await cluster.create(*({"name": f"i{number}"} for number in range(3)))
        await cluster.clock.advance(data.draw(st.integers(0, 20)))
        backup = await Backup.take(cluster)
        for verb, number, seconds in did:
            await _do(cluster, verb, number)
            await cluster.clock.advance(seconds)
        await cluster.clock.advance(data.draw(st.sampled_from((0, 5, 120))))
        running = cluster.world.running
        await backup.bring_back(cluster)
        await cluster.clock.advance(60)
        assert running <= cluster.world.running | _ends_soon(cluster, did), "a server was stopped"
        await cluster.heal()
        await cluster.converge()
        names = [instance.name for instance in await cluster.instances()]
        assert len(set(names)) == len(names)


def _ends_soon(cluster: Cluster, did: list[tuple[str, int, int]]) -> set[str]:
    """A stop under way goes on: then which of them ends is up to what was asked."""
    asked = any(verb in ("destroy", "stop", "restart") for verb, _, _ in did)
    return {key for node in cluster.nodes.values() for key in node.machine.runtime.every_id()} if asked else set()


async def _do(cluster: Cluster, verb: str, number: int) -> None:
    known = {instance.name: instance for instance in await cluster.instances()}
    match verb:
        case "create" if f"i{number}" not in known:
            await cluster.create({"name": f"i{number}"})
        case "crash" if (found := known.get(f"i{number}")) is not None:
            for node in cluster.nodes.values():
                if found.id in node.machine.processes:
                    node.machine.crash(found.id)
        case "power_off":
            node = cluster.nodes["ab"[number % 2]]
            await cluster.power_off(node)
            cluster.start_agent(node)
        case "destroy" | "stop" | "start" | "restart":
            await cluster.ask(verb, f"i{number}")
        case _:
            return
