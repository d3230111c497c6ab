"""Measurements as lines of text."""

from __future__ import annotations

from hytopus.cli.history import sparkline


def test_a_sparkline_reaches_from_nothing_to_the_highest() -> None:
    assert sparkline([0, 7, None, 3.5]) == "▁█ ▅"


def test_many_values_share_a_bar_that_shows_their_highest() -> None:
    assert sparkline([0, 1, 0, 2, 0, 4], width=3) == "▃▅█"
    assert len(sparkline([1.0] * 720)) <= 48


def test_nothing_is_drawn_of_nothing() -> None:
    assert sparkline([]) == ""
    assert sparkline([None, None]) == "  "
    assert sparkline([0, 0]) == "▁▁"
