"""What a node says is cut to size before anything is done with it."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from hytopus.brain.gateway.bounds import bounded
from hytopus.wire.messages import (
    CrashReport,
    Heartbeat,
    InstanceReport,
    InstanceUsage,
    NodeFacts,
    NodeLoad,
    NodeStatus,
    Problem,
    RegisterNode,
)

HUGE = 2**62


def test_what_a_node_says_in_earnest_stays_as_it_is() -> None:
    said = InstanceReport("i", 3, NodeStatus.FAILED, 2**40, log_tail=("a", "b"), players=("ann",), progress=0.5)
    beat = Heartbeat("", False, NodeLoad(s3_bytes=2**50), (InstanceUsage("i", 1.5, 2.0),))
    for message in (said, beat, RegisterNode(1, "a", NodeFacts(tags=("eu",)), inventory=(said,))):
        assert bounded(message) is message


@pytest.mark.parametrize(
    "report",
    [
        InstanceReport("i", 1, NodeStatus.RUNNING, players=("x" * 10_000,) * 100_000),
        InstanceReport("i", 1, NodeStatus.RUNNING, timings_ms={"step" * 1_000 + str(n): 1.0 for n in range(10_000)}),
        InstanceReport("i", 1, NodeStatus.FAILED, log_tail=("x" * 100_000,) * 100),
        InstanceReport("i" * 10**6, 1, NodeStatus.PREPARING, step="x" * 10**6, at="0" * 10**6),
        InstanceReport("i", 1, NodeStatus.FAILED, problem=Problem("c" * 10**6, "m" * 10**6, "r" * 10**6)),
    ],
)
def test_a_report_is_no_larger_than_what_can_be_kept_and_shown(report: InstanceReport) -> None:
    assert len(json.dumps(asdict(bounded(report)))) < 600_000


def test_numbers_leave_room_in_the_columns_that_hold_them() -> None:
    report = bounded(InstanceReport("i", HUGE, NodeStatus.RUNNING, HUGE, attempt=HUGE, exit_code=-HUGE))
    assert (report.generation, report.attempt, report.exit_code) == (2**30, 2**30, -(2**30))
    assert report.sequence == 2**53
    facts = bounded(RegisterNode(1, "a", NodeFacts(slots=HUGE, memory_mb=HUGE, cpus=float("inf")))).facts
    assert (facts.slots, facts.memory_mb, facts.cpus) == (2**30, 2**30, 0.0)


def test_a_report_of_a_crash_keeps_its_body() -> None:
    report = CrashReport("c", "i", 1, 1, "", json.dumps({"excerpt": ["x" * 5_000]}), 2**40, "0")
    assert bounded(report) is report
