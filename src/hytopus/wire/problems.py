"""Errors as they travel, and back."""

from __future__ import annotations

from typing import Any, ClassVar

from hytopus.errors import HytopusError
from hytopus.wire.messages import Problem


class PeerProblem(HytopusError):
    """What the other end said is wrong, in its own words and under its own code."""

    code: ClassVar[str] = "peer_problem"
    status: ClassVar[int] = 502

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        # One class for every code and status that may come: they shadow the class variables.
        vars(self)["code"] = problem.code
        if problem.status not in (0, HytopusError.status):
            vars(self)["status"] = problem.status
        super().__init__(**problem.params)

    @property
    def message(self) -> str:
        return self.problem.message

    @property
    def advice(self) -> str:
        return self.problem.remedy


def problem_of(error: HytopusError) -> Problem:
    """Parameters travel as text."""
    params: dict[str, Any] = error.params
    texts = {key: str(value) for key, value in params.items()}
    return Problem(error.code, error.message, error.advice, texts, error.status)
