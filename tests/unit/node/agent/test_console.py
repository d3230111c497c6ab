"""Output and console: history then live, over restarts of agent and engine, without gaps and without repetition."""

from __future__ import annotations

import asyncio

import pytest

from hytopus.node.runner.errors import BadQuestion, InstanceUnknown, NotRunning
from hytopus.node.runner.follower import CHECKPOINT_LINES
from hytopus.node.runner.lines import KEPT
from hytopus.wire.messages import DestroyInstance, NodeStatus, StartInstance, StopInstance, Welcome
from hytopus.wire.place import BEGINNING, Place
from tests.unit.node.agent.bed import Bed
from tests.unit.node.runner.records import game

WATCHED = game(players={"join": r"Player '(?P<name>\w+)' joined", "leave": r"Removing player '(?P<name>\w+)'"})


class Reader:
    """A console somebody has opened."""

    def __init__(self, bed: Bed, *, tail: int = 0, after: Place = BEGINNING) -> None:
        self.lines: list[tuple[int, str]] = []
        self._news = asyncio.Event()
        self.task = asyncio.ensure_future(self._read(bed, tail, after))

    async def _read(self, bed: Bed, tail: int, after: Place) -> None:
        async for batch in bed.agent.lines("i1", tail, after):
            self.lines += [(line.number, line.text) for line in batch]
            self._news.set()

    async def until(self, text: str) -> list[tuple[int, str]]:
        async with asyncio.timeout(5):
            while not any(text == line for _, line in self.lines):
                self._news.clear()
                await self._news.wait()
        return self.lines


async def test_a_reader_sees_history_and_what_comes_and_the_end(bed: Bed) -> None:
    await bed.running()
    bed.runtime.say("i1", "one")
    reader = Reader(bed, tail=10)
    await reader.until("one")
    await bed.agent.send_line("i1", "fake line two")
    await reader.until("two")
    await bed.tell(StopInstance("i1", 1))
    await asyncio.wait_for(reader.task, 5)
    assert reader.lines == [
        (1, "Server Booted"), (2, "one"), (3, "two"), (4, "[HytaleServer] Shutdown completed!"),
    ]  # fmt: skip


async def test_secrets_are_masked_and_colours_are_kept(bed: Bed) -> None:
    await bed.running()
    reader = Reader(bed)
    await asyncio.sleep(0)
    bed.runtime.say("i1", "\x1b[31mlogin very-secret\x1b[0m")
    bed.runtime.say("i1", "end")
    assert (2, "\x1b[31mlogin ********\x1b[0m") in await reader.until("end")
    reader.task.cancel()


@pytest.mark.parametrize("count", [3, CHECKPOINT_LINES + 3, KEPT + 500])
async def test_numbers_go_on_after_a_restart_of_the_agent(bed: Bed, count: int) -> None:
    await bed.running()
    for number in range(2, count + 1):
        await bed.clock.advance(0.001)
        bed.runtime.say("i1", f"line {number}")
    await Reader(bed, tail=1).until(f"line {count}")
    await bed.kill_agent()
    bed.runtime.say("i1", "while nobody watched")
    await bed.start_agent()
    reader = Reader(bed, tail=KEPT)
    await reader.until("while nobody watched")
    bed.runtime.say("i1", "after")
    lines = await reader.until("after")
    numbers = [number for number, _ in lines]
    assert numbers == list(range(max(1, count + 2 - KEPT), count + 3))
    assert dict(lines)[count] == f"line {count}"
    reader.task.cancel()


async def test_an_agent_that_was_killed_before_its_first_checkpoint_reads_from_the_beginning(bed: Bed) -> None:
    await bed.running()
    bed.runtime.say("i1", "two")
    await bed.kill_agent()
    (bed.root / "logs" / "i1" / "position.json").unlink()
    await bed.start_agent()
    reader = Reader(bed, tail=10)
    assert await reader.until("two") == [(1, "Server Booted"), (2, "two")]
    reader.task.cancel()


async def test_players_are_remembered_over_a_restart_of_the_agent(bed: Bed) -> None:
    await bed.running(game=WATCHED)
    bed.runtime.say("i1", "Player 'Ada' joined")
    await bed.sent.until(lambda: bed.sent.reports[-1].players == ("Ada",))
    await bed.kill_agent()
    bed.runtime.say("i1", "Player 'Bob' joined")
    await bed.start_agent()
    await bed.sent.until(lambda: bed.sent.reports[-1].players == ("Ada", "Bob"))


async def test_output_goes_on_after_an_engine_restart(bed: Bed) -> None:
    await bed.running()
    reader = Reader(bed, tail=10)
    bed.runtime.go_down()
    bed.runtime.say("i1", "said in the dark")
    await bed.clock.advance(1)
    bed.runtime.come_back()
    await bed.pass_time_until(lambda: len(reader.lines) >= 2)
    bed.runtime.say("i1", "later")
    assert await reader.until("later") == [(1, "Server Booted"), (2, "said in the dark"), (3, "later")]
    reader.task.cancel()


async def test_the_lines_of_a_server_that_ended_under_an_earlier_agent(bed: Bed) -> None:
    await bed.running()
    bed.runtime.say("i1", "last words")
    bed.runtime.crash("i1")
    await bed.expect(NodeStatus.FAILED)
    await bed.restart_agent()
    lines = (await bed.ask("logs", tail=10))["lines"]
    assert [(line["number"], line["text"]) for line in lines] == [(1, "Server Booted"), (2, "last words")]
    bed.runtime.lose("i1")
    await bed.restart_agent()
    again = (await bed.ask("logs", tail=1))["lines"]
    assert [(line["number"], line["text"]) for line in again] == [(2, "last words")]


async def test_a_new_start_numbers_from_one(bed: Bed) -> None:
    await bed.running()
    bed.runtime.say("i1", "two")
    await bed.tell(StopInstance("i1", 1))
    await bed.expect(NodeStatus.STOPPED)
    await bed.tell(StartInstance("i1", 2))
    await bed.expect(NodeStatus.RUNNING, 2)
    lines = (await bed.ask("logs", tail=10))["lines"]
    assert [(line["number"], line["text"]) for line in lines] == [(1, "Server Booted")]


async def test_whoever_comes_back_reads_a_new_start_from_line_one(bed: Bed) -> None:
    """Also if it has printed more than what he saw of the one before, and over a new agent."""
    await bed.running()
    bed.runtime.say("i1", "two")
    await Reader(bed, tail=10).until("two")
    await bed.tell(StopInstance("i1", 1))
    await bed.expect(NodeStatus.STOPPED)
    await bed.tell(StartInstance("i1", 2))
    await bed.expect(NodeStatus.RUNNING, 2)
    bed.runtime.say("i1", "another")
    bed.runtime.say("i1", "third")
    expected = [(1, "Server Booted"), (2, "another"), (3, "third")]
    assert await Reader(bed, after=Place(2, "1.1")).until("third") == expected
    await bed.kill_agent()
    await bed.start_agent()
    assert await Reader(bed, after=Place(2, "1.1")).until("third") == expected
    assert await Reader(bed, after=Place(2, "2.1")).until("third") == expected[2:]


async def test_only_a_living_server_reads_its_console(bed: Bed) -> None:
    await bed.prepared()
    with pytest.raises(NotRunning):
        await bed.agent.send_line("i1", "who")
    with pytest.raises(InstanceUnknown):
        await bed.agent.send_line("i2", "who")
    await bed.tell(StartInstance("i1", 1))
    await bed.expect(NodeStatus.RUNNING)
    await bed.agent.send_line("i1", "who")
    assert bed.runtime.heard("i1") == ("who",)
    with pytest.raises(BadQuestion):
        await bed.ask("send_line", text="two\nlines")
    assert await bed.ask("send_line", text="say hi") == {}
    assert bed.runtime.heard("i1") == ("who", "say hi")


async def test_questions_are_answered_and_unknown_ones_refused(bed: Bed) -> None:
    await bed.prepared()
    files = (await bed.ask("provenance", path="config/**"))["files"]
    assert (files[0]["path"], files[0]["layer"], files[0]["overrode"]) == ("config/**", "lobby@1", ["base@1"])
    assert "hit_rate" in await bed.ask("cache")
    with pytest.raises(InstanceUnknown):
        await bed.ask("provenance", "i9")
    with pytest.raises(BadQuestion):
        await bed.ask("what")
    assert "freed_bytes" in await bed.ask("purge_cache", template_id="base", version="")


async def test_a_heartbeat_says_how_busy_the_node_is(bed: Bed) -> None:
    await bed.agent.welcome(Welcome("n", "node-1", "b", heartbeat_seconds=2.0, dev_mode=True))
    await bed.running()
    await bed.clock.advance(5)
    await bed.clock.sleeping(2)
    beat = bed.agent.heartbeat()
    assert (beat.dev_mode, beat.load.running, beat.load.engine_up) == (True, 1, True)
    assert [(usage.instance_id, usage.memory_mb) for usage in beat.usage] == [("i1", 64)]
    sample = bed.agent.sample()
    assert (sample.statuses[NodeStatus.RUNNING], sample.engine_up) == (1, True)


async def test_a_reader_of_a_destroyed_instance_is_let_go(bed: Bed) -> None:
    await bed.prepared()
    reader = Reader(bed, tail=10)
    await asyncio.sleep(0)
    await bed.tell(DestroyInstance("i1", 1))
    await bed.expect(NodeStatus.DESTROYED)
    await asyncio.wait_for(reader.task, 5)
