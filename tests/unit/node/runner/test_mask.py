"""Secret values never leave."""

from __future__ import annotations

from hytopus.node.runner.errors import Exited
from hytopus.node.runner.mask import mask_of, problem_of


def test_every_occurrence_is_masked_the_longest_first() -> None:
    mask = mask_of({"A": "hunter22", "B": "hunter22-long", "C": "open"}, ["A", "B"])
    assert mask("x hunter22-long y hunter22 z open") == "x ******** y ******** z open"


def test_values_are_taken_literally_and_short_ones_stay() -> None:
    mask = mask_of({"A": "a.c*", "B": "1", "E": ""}, ["A", "B", "E", "UNSET"])
    assert mask("abcc a.c* 1") == "abcc ******** 1"


def test_problems_are_masked_in_every_part() -> None:
    problem = problem_of(Exited(instance="i1", why="bad token hunter22"), mask_of({"T": "hunter22"}, ["T"]))
    assert problem.message == "The server of i1 ended with bad token ********."
    assert problem.params == {"instance": "i1", "why": "bad token ********"}
