"""The ring of lines and its readers."""

from __future__ import annotations

import asyncio

from hytopus.node.runner.lines import KEPT, KEPT_CHARACTERS, Lines
from hytopus.wire.messages import LogLine
from hytopus.wire.place import BEGINNING, Place


def filled(count: int, start: str = "1.1") -> Lines:
    lines = Lines()
    lines.begin(start)
    for number in range(1, count + 1):
        lines.add(number, "", f"line {number}")
    return lines


async def numbers(lines: Lines, *, tail: int = 0, after: Place = BEGINNING) -> list[int]:
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


async def test_tail_limits_the_history_and_a_place_says_where_it_begins() -> None:
    lines = filled(10)
    lines.end()
    assert await numbers(lines) == []
    assert await numbers(lines, tail=3) == [8, 9, 10]
    assert await numbers(lines, tail=5000) == list(range(1, 11))
    assert await numbers(lines, after=Place(7, "1.1")) == [8, 9, 10]
    assert await numbers(lines, tail=1, after=Place(7, "1.1")) == [8, 9, 10], "whoever comes back wants all"
    assert await numbers(lines, after=Place(10, "1.1")) == []
    assert await numbers(lines, after=Place(5, "0.9")) == list(range(1, 11)), "of another start"


async def test_a_number_alone_is_of_this_start_unless_there_is_no_such_line() -> None:
    lines = filled(10)
    lines.end()
    assert await numbers(lines, after=Place(7)) == [8, 9, 10]
    assert await numbers(lines, after=Place(10)) == []
    assert await numbers(lines, after=Place(99)) == list(range(1, 11))


async def test_only_the_last_thousand_are_kept_and_a_slow_reader_sees_the_gap() -> None:
    lines = filled(5)
    reader = lines.follow(tail=10, after=BEGINNING)
    assert [line.number for line in await anext(reader)] == [1, 2, 3, 4, 5]
    for number in range(6, KEPT + 500):
        lines.add(number, "", "")
    (first, *_) = await anext(reader)
    assert first.number == 500
    assert len(lines.tail(5000)) == KEPT


async def test_a_restart_goes_on_with_line_one() -> None:
    lines = filled(3)
    reader = lines.follow(tail=1, after=BEGINNING)
    assert await anext(reader) == (LogLine(3, "", "line 3", "1.1"),)
    lines.end()
    lines.begin("1.2")
    lines.add(1, "", "again")
    assert await anext(reader) == (LogLine(1, "", "again", "1.2"),)


async def test_who_comes_back_after_a_restart_reads_it_from_line_one() -> None:
    for place in (Place(2, "1.1"), Place(200, "1.1"), Place(200)):
        lines = filled(0, "2.1")
        reader = asyncio.ensure_future(numbers(lines, after=place))
        await asyncio.sleep(0)
        lines.add(1, "", "again")
        lines.add(2, "", "again")
        lines.end()
        assert await reader == [1, 2]


async def test_a_start_that_a_new_agent_reads_again_is_not_told_again() -> None:
    lines = Lines()
    early, late = (asyncio.ensure_future(numbers(lines, after=Place(number, "1.1"))) for number in (2, 5))
    await asyncio.sleep(0)
    lines.begin("1.1")
    for number in range(1, 8):
        lines.add(number, "", "")
        await asyncio.sleep(0)
    lines.end()
    assert (await early, await late) == ([3, 4, 5, 6, 7], [6, 7])


def test_long_lines_are_bounded_by_their_size() -> None:
    lines = filled(0)
    for number in range(1, 101):
        lines.add(number, "", "x" * (KEPT_CHARACTERS // 10))
    assert len(lines.tail(1000)) == 10
    lines.add(101, "", "x" * KEPT_CHARACTERS * 2)
    assert [line.number for line in lines.tail(1000)] == [101]


def test_the_tail_is_as_long_as_asked() -> None:
    assert [line.number for line in filled(5).tail(2)] == [4, 5]
    assert filled(5).tail(0) == ()
