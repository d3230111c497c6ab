"""Placement: never more than there is, always where it may be, and evenly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.brain.placement.demand import Demand, PortDemand
from hytopus.brain.placement.explain import detail, explain, summary
from hytopus.brain.placement.feasible import check_all, first_failure, is_feasible
from hytopus.brain.placement.place import Placed, Unplaceable, place, place_one
from hytopus.brain.placement.ports import allocate
from hytopus.brain.placement.rank import score
from hytopus.brain.placement.room import Room

REGIONS = st.sampled_from(["", "eu", "us"])
TAGS = st.frozensets(st.sampled_from(["ssd", "big", "test"]), max_size=2)
PORTS = st.integers(30000, 30006)


@st.composite
def rooms(draw: st.DrawFn) -> list[Room]:
    count = draw(st.integers(0, 5))
    return [
        Room(
            node_id=f"n{index}",
            name=f"node-{index}",
            state=draw(st.sampled_from(["online", "online", "online", "suspect", "offline"])),
            engine_up=draw(st.sampled_from([True, True, False])),
            cordoned=draw(st.sampled_from([False, False, True])),
            draining=draw(st.sampled_from([False, False, True])),
            dev_mode=draw(st.sampled_from([False, False, True])),
            region=draw(REGIONS),
            tags=draw(TAGS),
            slots=draw(st.integers(0, 4)),
            cpus=draw(st.floats(0, 8)),
            memory_mb=draw(st.integers(0, 4096)),
            disk_mb=draw(st.integers(0, 4096)),
            port_first=30000,
            port_last=draw(st.integers(30000, 30006)),
            foreign_ports=frozenset(draw(st.lists(PORTS, max_size=2))),
        )
        for index in range(count)
    ]


@st.composite
def demands(draw: st.DrawFn) -> list[Demand]:
    count = draw(st.integers(0, 12))
    return [
        Demand(
            instance_id=f"i{index}",
            cpus=draw(st.floats(0.1, 3)),
            memory_mb=draw(st.integers(16, 2048)),
            disk_mb=draw(st.integers(1, 2048)),
            region=draw(REGIONS),
            tags=draw(TAGS),
            pinned_node=draw(st.sampled_from(["", "", "n0", "n9"])),
            dev=draw(st.sampled_from([False, False, True])),
            ports=tuple(
                PortDemand(f"p{number}", number=draw(st.none() | PORTS)) for number in range(draw(st.integers(0, 2)))
            ),
        )
        for index in range(count)
    ]


@given(demands(), rooms())
def test_never_over_commits(wanted: list[Demand], nodes: list[Room]) -> None:
    fresh = {room.node_id: replace(room, leased_ports=set()) for room in nodes}
    placed = [decision for decision in place(wanted, nodes) if isinstance(decision, Placed)]
    for node_id, room in fresh.items():
        here = [decision for decision in placed if decision.node_id == node_id]
        assert sum(decision.demand.memory_mb for decision in here) <= room.memory_mb
        assert sum(decision.demand.cpus for decision in here) <= room.cpus + 1e-5
        assert sum(decision.demand.disk_mb for decision in here) <= room.disk_mb
        assert room.slots == 0 or len(here) <= room.slots
        ports = [port for decision in here for port in decision.ports]
        assert len(ports) == len(set(ports))
        assert not set(ports) & room.foreign_ports
        assert set(ports) <= set(room.pool)


@given(demands(), rooms(), st.data())
def test_a_batch_is_decided_as_if_one_came_after_the_other(
    wanted: list[Demand], nodes: list[Room], data: st.DataObject
) -> None:
    alike = [replace(demand, instance_id=f"{demand.instance_id}-again") for demand in wanted]
    batch = data.draw(st.permutations(wanted + alike))
    one_by_one = [replace(room, leased_ports=set(room.leased_ports)) for room in nodes]
    assert list(place(batch, nodes)) == [place_one(demand, one_by_one) for demand in batch]
    assert nodes == one_by_one


@given(demands(), rooms())
def test_goes_only_where_it_may_and_gets_the_ports_it_asked_for(wanted: list[Demand], nodes: list[Room]) -> None:
    by_id = {room.node_id: room for room in nodes}
    for decision in place(wanted, nodes):
        if isinstance(decision, Unplaceable):
            continue
        demand, room = decision.demand, by_id[decision.node_id]
        assert room.state == "online"
        assert not room.cordoned
        assert not room.draining
        assert room.dev_mode is demand.dev
        assert demand.region in ("", room.region)
        assert demand.tags <= room.tags
        assert demand.pinned_node in ("", room.node_id)
        assert len(decision.ports) == len(demand.ports)
        for port, asked in zip(decision.ports, demand.ports, strict=True):
            assert asked.number in (None, port)


@given(demands(), rooms())
def test_what_is_refused_fits_nowhere_and_is_explained(wanted: list[Demand], nodes: list[Room]) -> None:
    for demand in wanted:
        decision = place_one(demand, nodes)
        if isinstance(decision, Placed):
            continue
        verdicts = explain(demand, nodes)
        asked_twice = len({port.number for port in demand.ports if port.number}) < sum(
            port.number is not None for port in demand.ports
        )
        assert asked_twice or not any(verdict.feasible for verdict in verdicts)
        assert summary(verdicts)
        for verdict in verdicts:
            assert all(detail(check) for check in verdict.checks)


@given(demands(), rooms())
def test_explaining_and_deciding_agree(wanted: list[Demand], nodes: list[Room]) -> None:
    for demand in wanted:
        for room in nodes:
            checks = check_all(demand, room)
            assert is_feasible(demand, room) is all(check.ok for check in checks)
            failing = [check for check in checks if not check.ok]
            assert first_failure(demand, room) == (failing[0] if failing else None)


@given(st.integers(1, 6), st.integers(0, 40))
def test_equal_instances_spread_evenly_over_equal_nodes(node_count: int, instance_count: int) -> None:
    nodes = [Room(f"n{index}", slots=50, cpus=64, memory_mb=65536, disk_mb=65536) for index in range(node_count)]
    decisions = list(place([Demand(f"i{index}") for index in range(instance_count)], nodes))
    counts = Counter(decision.node_id for decision in decisions if isinstance(decision, Placed))
    numbers = [counts[room.node_id] for room in nodes]
    assert sum(numbers) == instance_count
    assert max(numbers) - min(numbers) <= 1


def test_the_emptier_node_is_better() -> None:
    empty, full = Room("a", cpus=8, memory_mb=8192), Room("b", cpus=8, memory_mb=8192, used_memory_mb=4096)
    assert score(Demand("i"), empty) > score(Demand("i"), full)


def test_what_lives_on_a_node_needs_only_room_to_wake_up() -> None:
    home = Room("home", cordoned=True, cpus=2, memory_mb=1024, disk_mb=0, port_first=0)
    away = Room("away", cpus=64, memory_mb=65536, disk_mb=65536)
    asleep = Demand("i", region="elsewhere", resident="home")
    decision = place_one(asleep, [away, home])
    assert isinstance(decision, Placed)
    assert decision.node_id == "home"
    assert decision.ports == ()
    assert isinstance(place_one(replace(asleep, memory_mb=600), [home]), Unplaceable)


@pytest.mark.parametrize(
    ("room", "failing"),
    [
        (Room("n", state="offline"), "online"),
        (Room("n", engine_up=False), "engine"),
        (Room("n", cordoned=True), "cordoned"),
        (Room("n", draining=True), "draining"),
        (Room("n", dev_mode=True), "dev_mode"),
        (Room("n", region="us"), "region"),
        (Room("n", region="eu"), "tags"),
        (Room("n", region="eu", tags=frozenset({"ssd"}), slots=1, used_slots=1), "slots"),
        (Room("n", region="eu", tags=frozenset({"ssd"}), memory_mb=511), "memory_mb"),
        (Room("n", region="eu", tags=frozenset({"ssd"}), memory_mb=512), "cpus"),
        (Room("n", region="eu", tags=frozenset({"ssd"}), memory_mb=512, cpus=1), "disk_mb"),
        (
            Room("n", region="eu", tags=frozenset({"ssd"}), memory_mb=512, cpus=1, disk_mb=512, port_first=0),
            "ports",
        ),
    ],
)
def test_the_first_failing_check_is_named(room: Room, failing: str) -> None:
    demand = Demand("i", region="eu", tags=frozenset({"ssd"}))
    check = first_failure(demand, room)
    assert check is not None
    assert check.name == failing
    assert failing in {each.name for each in check_all(demand, room) if not each.ok}


@pytest.mark.parametrize(
    ("room", "number", "said"),
    [
        (Room("n", foreign_ports=frozenset({30_000})), 30_000, "port 30000 is taken"),
        (Room("n"), 80, "port 80 is outside the pool"),
        (Room("n", port_first=0), None, "0 ports free, 1 needed"),
    ],
)
def test_a_port_that_cannot_be_had_is_named(room: Room, number: int | None, said: str) -> None:
    failing = [
        check
        for check in check_all(Demand("i", ports=(PortDemand("game", number=number),)), room)
        if check.name == "ports"
    ]
    assert [detail(check) for check in failing] == [said]


def test_a_summary_counts_reasons() -> None:
    nodes = [Room("a", cordoned=True), Room("b", cordoned=True), Room("c", state="offline")]
    assert summary(explain(Demand("i"), nodes)) == "None of 3 nodes can take it: 2 cordoned, 1 not online."
    assert summary(explain(Demand("i"), nodes[:1])) == "The only node cannot take it: it is cordoned."
    assert summary([]) == "No node has joined yet."


@given(
    st.lists(st.none() | PORTS, max_size=4),
    st.sets(PORTS, max_size=5),
    st.sets(PORTS, max_size=3),
)
def test_ports_come_from_the_pool_and_are_free(asked: list[int | None], leased: set[int], foreign: set[int]) -> None:
    room = Room("n", port_first=30000, port_last=30005, leased_ports=leased, foreign_ports=frozenset(foreign))
    free = [port for port in room.pool if port not in leased | foreign]
    wanted = tuple(PortDemand(f"p{index}", number=number) for index, number in enumerate(asked))
    ports = allocate(wanted, room)
    numbers = [number for number in asked if number is not None]
    possible = len(asked) <= len(free) and set(numbers) <= set(free) and len(set(numbers)) == len(numbers)
    assert (ports is not None) is possible
    if ports is not None:
        assert len(set(ports)) == len(ports) == len(asked)
        assert set(ports) <= set(free)
        assert all(number in (None, port) for port, number in zip(ports, asked, strict=True))
