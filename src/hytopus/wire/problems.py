"""Errors as they travel, and back."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from hytopus.errors import HytopusError
from hytopus.wire.messages import Problem

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class PeerProblem(HytopusError):
    """What the other end said is wrong, in its own words and under its own code.

    Not as success, nor as anything that ends the login of whoever asked: it is the peer that speaks, not the API.
    """

    code: ClassVar[str] = "peer_problem"
    status: ClassVar[int] = 502

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        # One class for every code and status that may come: they shadow the class variables.
        if _CODE.fullmatch(problem.code):
            vars(self)["code"] = problem.code
        if 400 <= problem.status < 600 and problem.status not in (401, HytopusError.status):
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


def as_dict(problem: Problem) -> dict[str, Any]:
    """As `HytopusError.as_dict` has it."""
    return {
        "code": problem.code,
        "message": problem.message,
        "remedy": problem.remedy,
        "params": dict(problem.params),
    }
