"""What a peer may say is wrong, and what it may not."""

from __future__ import annotations

import pytest

from hytopus.wire.messages import Problem
from hytopus.wire.problems import PeerProblem


def test_a_peers_own_code_and_status_come_through() -> None:
    problem = PeerProblem(Problem("instance_unknown", "No.", "Look.", {"instance": "i"}, 404))
    assert (problem.code, problem.status, problem.params) == ("instance_unknown", 404, {"instance": "i"})


@pytest.mark.parametrize("status", [0, 200, 204, 302, 401, 600, 99_999])
def test_a_peer_neither_succeeds_nor_logs_anybody_out(status: int) -> None:
    assert PeerProblem(Problem("instance_unknown", "No.", "", {}, status)).status == 502


@pytest.mark.parametrize("code", ["", "x" * 65, "a\r\nb", "<b>"])
def test_what_is_no_code_is_none(code: str) -> None:
    assert PeerProblem(Problem(code, "No.", "", {}, 404)).code == "peer_problem"
