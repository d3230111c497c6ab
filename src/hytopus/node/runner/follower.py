"""Reads a container's output from its start to its end, over restarts of the agent and of the engine."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from hytopus.games.definition import Game
from hytopus.kit.backoff import backoff
from hytopus.kit.clock import Clock
from hytopus.kit.files import replace_file
from hytopus.kit.waiting import Blocking, closing, finish
from hytopus.node.runner.lines import KEPT, Lines
from hytopus.node.runner.mask import Mask
from hytopus.node.runtime.base import ContainerStatus, Runtime, RuntimeUnavailable

CHECKPOINT_LINES: Final = 256
"""At most so many lines are read again after the agent was killed."""

PLAYERS: Final = 1_000
"""More are not kept, nor more than so many characters of a line or a name: a server may claim anything, and all of it
goes into every report."""
NAME: Final = 64
UNDERSTOOD: Final = 1_000

_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a container's output was read, and what it had said by then."""

    generation: int
    number: int = 0
    at: datetime | None = None
    """The engine's time stamp of line `number` …"""
    same: int = 0
    """… which was the `same`-th line with that stamp."""
    ready: bool = False
    players: tuple[str, ...] = ()
    attempt: int = 1

    @property
    def start(self) -> tuple[int, int]:
        return self.generation, self.attempt


class Follower:
    """One start of one server. `run` ends when the container has ended and everything it said is in `lines`."""

    def __init__(
        self,
        runtime: Runtime,
        clock: Clock,
        game: Game,
        lines: Lines,
        *,
        instance_id: str,
        mask: Mask,
        file: Path,
        blocking: Blocking = asyncio.to_thread,
    ) -> None:
        self._runtime, self._clock, self._lines = runtime, clock, lines
        self._instance_id, self._mask, self._file = instance_id, mask, file
        self._blocking = blocking
        self._ready = _compiled(game.ready.log)
        self._join, self._leave = _compiled(game.players.join), _compiled(game.players.leave)
        self._position = Position(0)
        self._saved = 0
        self._listeners: list[tuple[re.Pattern[str], asyncio.Event]] = []
        self.ready = asyncio.Event()
        """The game's line was seen; set from the start where the game names none."""
        self.players_changed = asyncio.Event()

    @property
    def players(self) -> tuple[str, ...]:
        return self._position.players

    @contextmanager
    def listening(self, pattern: str) -> Iterator[asyncio.Event]:
        """Set by the next line that matches."""
        heard = (re.compile(pattern), asyncio.Event())
        self._listeners.append(heard)
        try:
            yield heard[1]
        finally:
            self._listeners.remove(heard)

    async def run(self, generation: int, attempt: int, *, resume: bool) -> None:
        """`resume`: the container was started by an earlier agent."""
        self._lines.begin(f"{generation}.{attempt}")
        self._position = Position(generation, ready=self._ready is None, attempt=attempt)
        try:
            if resume:
                await self._recall(self._position.start)
            if self._position.ready:
                self.ready.set()
            await self._read()
        finally:
            self._lines.end()
            await finish(self._checkpoint())

    async def _read(self) -> None:
        delays = backoff(0.1, 5)
        while True:
            try:
                before = self._position.number
                await self._read_stream()
                if not await self._is_running():
                    return
                if self._position.number > before:
                    delays = backoff(0.1, 5)
            except RuntimeUnavailable:
                pass
            await self._clock.sleep(next(delays))

    async def _read_stream(self) -> None:
        known, to_skip = self._position, self._position.same
        async with closing(self._runtime.logs(self._instance_id, since=known.at)) as lines:
            async for at, text in lines:
                if known.at is not None and (at < known.at or (at == known.at and to_skip > 0)):
                    to_skip -= at == known.at
                    continue  # read before the stream broke
                self._take(at, text)
                if self._position.number - self._saved >= CHECKPOINT_LINES:
                    await finish(self._checkpoint())

    async def _is_running(self) -> bool:
        state = await self._runtime.inspect(self._instance_id)
        return state is not None and state.status is ContainerStatus.RUNNING and state.start == self._position.start

    def _take(self, at: datetime, text: str) -> None:
        known = self._position
        same = known.same + 1 if at == known.at else 1
        self._position = replace(known, number=known.number + 1, at=at, same=same)
        self._lines.add(known.number + 1, at.isoformat(), self._mask(text))
        beginning = text[:UNDERSTOOD]
        self._understand(_COLOURS.sub("", beginning) if "\x1b" in beginning else beginning)

    def _understand(self, text: str) -> None:
        for pattern, heard in self._listeners:
            if pattern.search(text):
                heard.set()
        if self._ready and not self._position.ready and self._ready.search(text):
            self._position = replace(self._position, ready=True)
            self.ready.set()
        if name := _player(self._join, text):
            self._set_players((*self._without(name), name)[:PLAYERS])
        elif name := _player(self._leave, text):
            self._set_players(self._without(name))

    def _without(self, name: str) -> tuple[str, ...]:
        return tuple(player for player in self._position.players if player != name)

    def _set_players(self, players: tuple[str, ...]) -> None:
        if players != self._position.players:
            self._position = replace(self._position, players=players)
            self.players_changed.set()

    async def _recall(self, start: tuple[int, int]) -> None:
        """Take up where an earlier agent was, with the lines before that for people who look back."""
        position = await self._blocking(_load, self._file)
        if position is None or position.start != start or position.at is None:
            return
        self._position, self._saved = position, position.number
        if position.players:
            self.players_changed.set()
        try:
            history = [line async for line in self._runtime.logs(self._instance_id, tail=KEPT, follow=False)]
        except RuntimeUnavailable:
            return
        stamps = [index for index, (at, _) in enumerate(history) if at == position.at]
        if len(stamps) < position.same:
            return
        known = stamps[position.same - 1]
        for index, (at, text) in enumerate(history[: known + 1]):
            if (number := position.number - known + index) > 0:
                self._lines.add(number, at.isoformat(), self._mask(text))

    async def _checkpoint(self) -> None:
        self._saved = self._position.number
        await self._blocking(_save, self._file, self._position)


_POSITION: Final = TypeAdapter(Position)


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    return re.compile(pattern) if pattern is not None else None


def _player(pattern: re.Pattern[str] | None, text: str) -> str:
    """Whom a line is about; empty for nobody. A group may be optional, and then it is there without having matched."""
    match = pattern.search(text) if pattern else None
    return (match.groupdict().get("name") or "")[:NAME] if match else ""


def _load(file: Path) -> Position | None:
    try:
        return _POSITION.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None  # then the output is read from its beginning: slower, not wrong


def _save(file: Path, position: Position) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, _POSITION.dump_json(position), durable=False)
    except OSError:
        return  # as above
