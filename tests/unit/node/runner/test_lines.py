"""The ring of lines and its readers."""

from __future__ import annotations

import asyncio

from hytopus.node.runner.lines import KEPT, KEPT_CHARACTERS, Lines
from hytopus.wire.messages import LogLine


def filled(count: int) -> Lines:
    lines = Lines()
    lines.begin()
    for number in range(1, count + 1):
        lines.add(number, "", f"line {number}")
    return lines


async def numbers(lines: Lines, *, tail: int = 0, after: int = 0) -> list[int]:
    return [line.number async for batch in lines.follow(tail=tail, after=after) for line in batch]


async def test_a_reader_gets_history_then_what_comes_then_the_end() -> None:
    lines = filled(3)
    reader = asyncio.ensure_future(numbers(lines, tail=2))
    await asyncio.sleep(0)
    lines.add(4, "", "line 4")
    await asyncio.sleep(0)
    lines.add(5, "", "line 5")
    lines.end()
    assert await reader == [2, 3, 4, 5]


async def test_tail_and_after_each_limit_the_history() -> None:
    lines = filled(10)
    lines.end()
    assert await numbers(lines) == []
    assert await numbers(lines, tail=3) == [8, 9, 10]
    assert await numbers(lines, after=7) == [8, 9, 10]
    assert await numbers(lines, tail=2, after=5) == [9, 10]
    assert await numbers(lines, tail=50, after=8) == [9, 10]
    assert await numbers(lines, after=10) == []
    assert await numbers(lines, after=99) == list(range(1, 11)), "of an earlier start"
    assert await numbers(lines, tail=5000) == list(range(1, 11))


async def test_only_the_last_thousand_are_kept_and_a_slow_reader_sees_the_gap() -> None:
    lines = filled(5)
    reader = lines.follow(tail=10, after=0)
    assert [line.number for line in await anext(reader)] == [1, 2, 3, 4, 5]
    for number in range(6, KEPT + 500):
        lines.add(number, "", "")
    (first, *_) = await anext(reader)
    assert first.number == 500
    assert len(lines.tail(5000)) == KEPT


async def test_a_restart_goes_on_with_line_one() -> None:
    lines = filled(3)
    reader = lines.follow(tail=1, after=0)
    assert await anext(reader) == (LogLine(3, "", "line 3"),)
    lines.end()
    lines.begin()
    lines.add(1, "", "again")
    assert await anext(reader) == (LogLine(1, "", "again"),)


async def test_who_comes_back_after_a_restart_reads_it_from_line_one() -> None:
    lines = Lines()
    lines.begin()
    reader = asyncio.ensure_future(numbers(lines, after=200))
    await asyncio.sleep(0)
    lines.add(1, "", "again")
    lines.add(2, "", "again")
    lines.end()
    assert await reader == [1, 2]


def test_long_lines_are_bounded_by_their_size() -> None:
    lines = Lines()
    lines.begin()
    for number in range(1, 101):
        lines.add(number, "", "x" * (KEPT_CHARACTERS // 10))
    assert len(lines.tail(1000)) == 10
    lines.add(101, "", "x" * KEPT_CHARACTERS * 2)
    assert [line.number for line in lines.tail(1000)] == [101]


def test_the_tail_is_as_long_as_asked() -> None:
    assert [line.number for line in filled(5).tail(2)] == [4, 5]
    assert filled(5).tail(0) == ()
