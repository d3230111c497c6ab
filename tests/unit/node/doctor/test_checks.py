"""Every known problem of a machine is found where it is, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hytopus.kit.findings import examine
from hytopus.node.doctor.checks import CHECKS
from hytopus.node.doctor.facts import EngineFact, Facts, engine_fact

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ENGINE = EngineFact(version="28.1.1")
WELL = Facts(now=NOW, certificate_until=NOW + timedelta(days=60), engine=ENGINE, brain="brain:8421")

ILL = {
    "engine_down": replace(WELL, engine=EngineFact(problem="no socket")),
    "old_engine": replace(WELL, engine=EngineFact(version="19.03.15")),
    "no_limits": replace(WELL, engine=replace(ENGINE, memory_limit=False)),
    "cgroup_v1": replace(WELL, engine=replace(ENGINE, cgroup_version="1")),
    "userland_proxy": replace(WELL, engine=replace(ENGINE, userland_proxy=True)),
    "brain_unreachable": replace(WELL, brain_problem="connection refused"),
    "node_certificate_expires": replace(WELL, certificate_until=NOW + timedelta(hours=1)),
    "disk_nearly_full": replace(WELL, disk_free_mb=900),
    "slow_directories": replace(WELL, ways=("copy",)),
    "memory_overcommitted": replace(WELL, memory_offered_mb=9000),
    "ports_taken": replace(WELL, ports_foreign=range(30_000, 30_200)),
    "no_forwarding": replace(WELL, ipv4_forwarding=False),
    "no_fence": replace(WELL, fence_problem="There is no iptables."),
}


def test_a_machine_that_is_well_has_no_findings() -> None:
    assert examine(WELL, CHECKS) == []


@pytest.mark.parametrize("code", ILL)
def test_a_problem_is_found(code: str) -> None:
    (found,) = examine(ILL[code], CHECKS)
    assert found.code == code
    assert found.evidence
    assert found.remedy


def test_what_the_engine_says_is_understood() -> None:
    info = {"ServerVersion": "28.1", "CgroupVersion": "2", "MemoryLimit": False, "Warnings": ["No memory limit"]}
    fact = engine_fact(info)
    assert (fact.version, fact.cgroup_version, fact.memory_limit, fact.cpu_limit) == ("28.1", "2", False, True)
    assert fact.warnings == ["No memory limit"]
