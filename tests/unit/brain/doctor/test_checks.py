"""Every known problem is found where it is, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hytopus.brain.doctor.api import once
from hytopus.brain.doctor.checks import CHECKS
from hytopus.brain.doctor.facts import DatabaseFact, DiskOver, Facts, NodeFact, Restarts, StoreFact
from hytopus.kit.findings import Finding, Severity, examine
from hytopus.wire.messages import NodeLoad
from tests.unit.docs.test_reference import _COMMAND, command_exists

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LOAD = NodeLoad(memory_total_mb=8000, disk_total_mb=100_000, disk_free_mb=50_000)
NODE = NodeFact(
    "n1",
    "oak",
    state_since=NOW,
    engine_version="28.1.1",
    agent_version="1",
    materialisers=("overlay", "copy"),
    memory_mb=7000,
    ports=500,
    ports_used=20,
    load=LOAD,
    certificate_until=NOW + timedelta(days=60),
)
WELL = Facts(now=NOW, version="1", nodes=(NODE,), backup_at=NOW - timedelta(hours=20), running_since=NOW)


def _node(**changes: Any) -> Facts:
    return replace(WELL, nodes=(replace(NODE, **changes),))


def _load(**changes: Any) -> Facts:
    return _node(load=replace(LOAD, **changes))


ILL = {
    "clock_skew": _node(clock_skew_s=-9),
    "node_disk_nearly_full": _load(disk_free_mb=9_000),
    "old_engine": _node(engine_version="19.03.15"),
    "engine_down": _load(engine_up=False),
    "node_offline": _node(state="offline"),
    "claims_another_place": _node(claims={"region": "eu"}),
    "readmitted_as_it_says": _node(unconfirmed={"region": "eu"}),
    "doubled_identity": _node(doubled_at=NOW - timedelta(hours=2), doubled_from="203.0.113.9"),
    "no_second_factor": replace(WELL, single_factor=["alice"]),
    "ca_rotation": replace(WELL, rotating_since=NOW - timedelta(days=9), left_behind=["oak"]),
    "ports_nearly_exhausted": _node(ports_used=460),
    "cordoned_for_long": _node(cordoned_since=NOW - timedelta(days=9)),
    "memory_overcommitted": _node(memory_mb=9000),
    "slow_directories": _node(materialisers=("copy",)),
    "agent_version": _node(agent_version="0"),
    "node_certificate_expires": _node(certificate_until=NOW + timedelta(hours=9)),
    "cache_too_large": _load(cache_bytes=60_000 * 2**20),
    "certificate_expires": replace(WELL, certificates=[("the API", NOW + timedelta(days=9))]),
    "disk_exceeded": replace(WELL, disk_over=[DiskOver("i1", "lobby", NOW - timedelta(hours=1), 64, 80)]),
    "crash_loop": replace(WELL, restarts=[Restarts("i1", "lobby", 4)]),
    "no_room": replace(WELL, waiting=3, waiting_s=900),
    "store_unreachable": replace(WELL, store=StoreFact(error="refused")),
    "store_slow": replace(WELL, store=StoreFact(answer_s=3)),
    "store_public": replace(WELL, store=StoreFact(public=True)),
    "store_keys_too_wide": replace(WELL, store=StoreFact(lists_buckets=True)),
    "database_disk_nearly_full": replace(WELL, database=DatabaseFact(bytes=1, disk_free=2**30)),
    "database_slow": replace(WELL, database=DatabaseFact(write_p99_ms=2500)),
    "database_not_durable": replace(WELL, database=DatabaseFact(durability_off=["fsync"])),
    "no_backups": replace(WELL, backup_every_h=0),
    "backup_too_old": replace(WELL, backup_at=NOW - timedelta(days=4)),
    "first_password": replace(WELL, first_password_kept=True),
    "many_admins": replace(WELL, admins=9),
}


def test_a_network_that_is_well_has_no_findings() -> None:
    assert examine(WELL, CHECKS) == []


@pytest.mark.parametrize("code", ILL)
def test_a_problem_is_found(code: str) -> None:
    (found,) = examine(ILL[code], CHECKS)
    assert found.code == code
    assert found.what.endswith(".") or found.what.endswith("!")
    assert found.evidence
    assert found.remedy
    for words in _COMMAND.findall(f"`{found.remedy}`"):
        assert command_exists(words.split())


def test_every_problem_that_a_check_can_tell_of_is_tested() -> None:
    written = {
        constant
        for check in CHECKS
        for constant in check.__code__.co_consts
        if isinstance(constant, str) and constant.isidentifier() and constant.islower() and "_" in constant
    }
    assert {code for code in written if code in ILL} == {code for code in ILL if "_" in code}


def test_a_new_brain_is_given_time_for_its_first_backup() -> None:
    assert examine(replace(WELL, backup_at=None), CHECKS) == []
    assert examine(replace(WELL, backup_at=None, running_since=NOW - timedelta(days=9)), CHECKS)


def test_the_worst_comes_first() -> None:
    facts = replace(ILL["agent_version"], store=StoreFact(error="refused"), waiting=1, waiting_s=999)
    assert [found.severity for found in examine(facts, CHECKS)] == [Severity.ERROR, Severity.WARNING, Severity.NOTE]


def test_a_finding_leads_to_its_page() -> None:
    found: list[Finding] = examine(_node(clock_skew_s=60), CHECKS)
    assert [each.link for each in found] == ["node:n1"]


def test_what_a_node_says_is_shown_as_that_nodes_and_only_while_it_is_there() -> None:
    found = Finding("no_forwarding", Severity.ERROR, "the network", "x", "y", "z")
    (shown,) = examine(_node(findings=[found]), CHECKS)
    assert (shown.subject, shown.link) == ("node oak, the network", "node:n1")
    assert [each.code for each in examine(_node(findings=[found], state="offline"), CHECKS)] == ["node_offline"]


def test_one_problem_that_both_doctors_see_is_told_once() -> None:
    seen = [Finding("old_engine", Severity.NOTE, "the engine", "x", "y", "z")]
    full = [Finding("disk_nearly_full", Severity.ERROR, "the disk", "x", "y", "z")]
    engine = once(examine(_node(engine_version="19.03.15", findings=seen), CHECKS))
    disk = once(examine(replace(_load(disk_free_mb=9_000), nodes=(_full(full),)), CHECKS))
    assert [each.code for each in engine] == ["old_engine"]
    assert [each.code for each in disk] == ["node_disk_nearly_full"]


def test_a_replacement_that_only_has_to_be_ended_is_a_note() -> None:
    (found,) = examine(replace(WELL, rotating_since=NOW - timedelta(hours=1)), CHECKS)
    assert (found.severity, found.remedy) == (Severity.NOTE, "Run `hytopus brain ca retire`.")


def _full(findings: list[Finding]) -> NodeFact:
    return replace(NODE, load=replace(LOAD, disk_free_mb=9_000), findings=findings)
