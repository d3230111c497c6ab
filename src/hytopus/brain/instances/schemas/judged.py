"""Why an instance is where it is, and what would become of one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hytopus.brain.http.schemas import Output
from hytopus.brain.instances.schemas.parts import LayerOut, NodeRef, ProblemOut
from hytopus.brain.instances.states import State


class CheckOut(Output):
    check: str
    ok: bool
    detail: str
    have: str | int | float
    need: str | int | float


class VerdictOut(Output):
    node: str
    node_id: str
    feasible: bool
    score: float | None
    checks: list[CheckOut]


class PlacedOut(Output):
    at: datetime
    score: float
    candidates: int
    why: str


class Explanation(Output):
    """Why an instance is where it is, or nowhere."""

    instance: str | None
    state: State | None
    node: NodeRef | None
    placed: PlacedOut | None
    summary: str
    nodes: list[VerdictOut]


class VariableOut(Output):
    """One line of the form a creation shows."""

    name: str
    description: str
    default: str | None
    required: bool
    secret: bool
    declared_by: str
    """`built-in`, `game`, or the layer that decides."""
    value: str | None


class PreviewOut(Output):
    layers: list[LayerOut]
    game: str | None
    variables: list[VariableOut]
    missing: list[str]
    problems: list[ProblemOut]
    """Everything a creation would refuse."""
    placement: Explanation | None


class ProvenanceOut(Output):
    """Which layer each file came from."""

    files: list[dict[str, Any]]


class LinesOut(Output):
    lines: list[dict[str, Any]]
