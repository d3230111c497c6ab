"""Reading option values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hytopus.cli.failure import Usage
from hytopus.cli.parse import duration, megabytes, moment, pairs, ports


def test_pairs_keep_further_equal_signs() -> None:
    assert pairs(["A=1", "B=x=y", "C="], "--set") == {"A": "1", "B": "x=y", "C": ""}


@pytest.mark.parametrize("text", ["A", "=1", ""])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(Usage, match="--set takes NAME=VALUE"):
        pairs([text], "--set")


def test_a_bare_port_is_the_games() -> None:
    assert ports(["30001", "query=30002"]) == {"game": 30001, "query": 30002}


@pytest.mark.parametrize("text", ["x", "0", "65536", "query=", "=5", "a=b=c"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        ports([text])


@pytest.mark.parametrize(
    ("text", "mb"), [("512", 512), ("512M", 512), ("2G", 2048), ("1.5 GiB", 1536), ("1t", 1024 * 1024)]
)
def test_a_size_is_megabytes_unless_it_has_a_unit(text: str, mb: int) -> None:
    assert megabytes(text, "--memory") == mb


def test_no_size_is_no_size() -> None:
    assert megabytes(None, "--memory") is None


@pytest.mark.parametrize("text", ["", "much", "5X", "-1"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        megabytes(text, "--memory")


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)])
def test_a_duration_is_seconds_unless_it_has_a_unit(text: str, seconds: int) -> None:
    assert duration(text, "--expires") == timedelta(seconds=seconds)


def test_a_moment_is_a_date_or_a_time_from_now() -> None:
    assert moment("2030-01-31T12:00+01:00", "--expires") == "2030-01-31T12:00:00+01:00"
    later = moment("1h", "--expires")
    assert later is not None
    left = datetime.fromisoformat(later) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
