"""One instance as this node holds it: its record, its output, and the only way to change and report them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from hytopus.errors import HytopusError
from hytopus.games.definition import Game
from hytopus.games.restart import RestartPolicy
from hytopus.kit.backoff import backoff
from hytopus.kit.logs import get_logger
from hytopus.kit.requests import forget_request
from hytopus.kit.waiting import finish, race, wait_for, within
from hytopus.node.journal import BadAssignment, Record
from hytopus.node.runner.follower import Follower
from hytopus.node.runner.host import Built, Host
from hytopus.node.runner.lines import Lines
from hytopus.node.runner.mask import Mask, mask_of, problem_of
from hytopus.node.runner.states import check_step
from hytopus.node.runtime.base import (
    ContainerFault,
    ContainerState,
    ContainerStatus,
    ImageMissing,
    PortTaken,
    RuntimeUnavailable,
)
from hytopus.wire.messages import InstanceReport, NodeStatus, PrepareInstance

log = get_logger(__name__)

T = TypeVar("T")

PROGRESS_SECONDS: Final = 0.5
"""Between two reports of progress."""

UNDER_WAY: Final = frozenset({NodeStatus.PREPARING, NodeStatus.STARTING, NodeStatus.STOPPING})
"""A command is being carried out; in every other status it has been."""

ENGINE_ERRORS: Final = (RuntimeUnavailable, ContainerFault, ImageMissing, PortTaken)

FRESH: Final[Mapping[str, Any]] = {
    "exit_code": None,
    "exit_kind": "",
    "oom_killed": False,
    "unwatched": False,
    "problem": None,
    "log_tail": (),
    "killing": False,
    "fenced": False,
    "started_at": None,
    "retry_at": None,
}
"""What a new attempt forgets of the one before."""


class Instance:
    """State of one instance. Its runner is the only one that calls what changes it."""

    def __init__(self, host: Host, record: Record) -> None:
        self.host = host
        self.record = record
        self.origin = ""
        """Of the command that is being carried out."""
        self.lines = Lines()
        self.follower: Follower | None = None
        self.built: Built | None = None
        self.poked = asyncio.Event()
        self.renewed = asyncio.Event()
        self.lost_sight = False
        """The engine was away since the container was last seen running."""
        self.still = asyncio.Lock()
        """Held by whoever changes its files; see `rest.py`."""
        self.tasks: asyncio.TaskGroup | None = None
        """The runner's, for what goes on beside its activities."""
        self._following: asyncio.Task[None] | None = None
        self._saving = asyncio.Lock()
        self._progress_at = float("-inf")

    @property
    def id(self) -> str:
        return self.record.instance_id

    @property
    def name(self) -> str:
        """What people call it; its id where nobody has told this node."""
        return self.record.assignment.name or self.id

    @property
    def game(self) -> Game:
        """Raises `BadAssignment` when the Brain sent something else than a game."""
        try:
            return _parse_game(self.record.assignment.game)
        except ValidationError as error:
            raise BadAssignment(instance=self.name, why=f"its game is not valid: {error.errors()[0]['msg']}") from error

    @property
    def policy(self) -> RestartPolicy:
        """The game's, where the Brain sent none (or one that a later release understands)."""
        try:
            return RestartPolicy.model_validate_json(self.record.restart) if self.record.restart else self.game.restart
        except ValidationError as error:
            log.warning("the restart policy makes no sense; taking the game's", instance=self.id, why=str(error))
            return self.game.restart

    @property
    def mask(self) -> Mask:
        return mask_of(self.record.assignment.variable_map, self.record.secrets)

    @property
    def folder(self) -> Path:
        """Where the position in its output and the logs of failures are kept."""
        return self.host.logs / self.id

    @property
    def players(self) -> tuple[str, ...]:
        running = self.record.status in {NodeStatus.RUNNING, NodeStatus.STOPPING}
        return self.follower.players if self.follower and running else ()

    def follow(self, *, resume: bool) -> Follower:
        """Read the output of the container of the last start, until it ends."""
        assert self.tasks, "only while the runner runs"
        if self._following:
            self._following.cancel()
        self.follower = Follower(
            self.host.runtime,
            self.host.clock,
            self.game,
            self.lines,
            instance_id=self.id,
            mask=self.mask,
            file=self.folder / "position.json",
            blocking=self.host.blocking,
        )
        self._following = self.tasks.create_task(
            self._follow_to_the_end(self.follower, self._following, resume=resume), name=f"follow {self.id}"
        )
        return self.follower

    async def drained(self, seconds: float) -> None:
        """Until everything that the ended container said was read, but no longer than `seconds`."""
        if self._following and not self._following.done():
            await race(wait_for(self._following), self.host.clock.sleep(seconds))

    async def unfollow(self) -> None:
        if self._following:
            self._following.cancel()
            await asyncio.wait({self._following})

    def poke(self) -> None:
        """The engine said something about the container: look."""
        self.poked.set()

    def renew(self, assignment: PrepareInstance) -> None:
        """The same assignment again, with fresh links to the layers."""
        self.record = replace(self.record, assignment=assignment)
        self.renewed.set()

    async def advance(self, status: NodeStatus, *, durable: bool = False, strict: bool = False, **changes: Any) -> None:
        """Move to another status (or stay), write it down, report it. `strict`: raise when it cannot be written."""
        check_step(self.record.status, status)
        step = changes.pop("step", "")
        at = self.host.clock.now().isoformat()
        self.record = replace(self.record, status=status, step=step, at=at, **changes)
        await finish(self._save(durable=durable, strict=strict))
        log.info("instance is now", instance=self.id, generation=self.record.generation, status=status.value)
        self.report()
        if status not in UNDER_WAY:
            self.origin = ""
            forget_request()

    async def write_down(self) -> None:
        await finish(self._save(durable=False, strict=False))

    def vanish(self) -> None:
        """The last report: nothing is left."""
        check_step(self.record.status, NodeStatus.DESTROYED)
        at = self.host.clock.now().isoformat()
        self.record = replace(self.record, status=NodeStatus.DESTROYED, at=at, step="", **FRESH)
        log.info("instance destroyed", instance=self.id)
        self.lines.end()
        self.report()

    def report(self) -> None:
        self.host.report(self.standing())

    def standing(self) -> InstanceReport:
        """How things are."""
        report = report_of(self.record, players=self.players, now=self.host.clock.now())
        return replace(report, origin=self.origin)

    def progress(self, step: str, fraction: float) -> None:
        """Tell how far the preparation is, at most twice a second."""
        now = self.host.clock.monotonic()
        if now - self._progress_at < PROGRESS_SECONDS:
            return
        self._progress_at = now
        self.record = replace(self.record, step=step)
        self.host.report(replace(self.standing(), progress=round(min(1.0, fraction), 3)))

    def trouble(self, error: HytopusError) -> None:
        """Something went wrong and is tried again: say so, and stay where we are."""
        log.warning("trying again", instance=self.id, code=error.code, why=self.mask(str(error)))
        self.record = replace(self.record, problem=problem_of(error, self.mask))
        self.report()

    async def fail(self, error: HytopusError, **changes: Any) -> None:
        if isinstance(error, ENGINE_ERRORS):
            self.host.count_error(error.code)
        log.warning("instance failed", instance=self.id, code=error.code, why=self.mask(str(error)))
        problem = problem_of(error, self.mask)
        await self.advance(NodeStatus.FAILED, durable=True, step=self.record.step, problem=problem, **changes)

    async def ended(self, *, look: bool = False) -> ContainerState | None:
        """Until the container does not run any more; None when it is gone. `look` at once, not only when poked."""
        while True:
            if not look:
                await self.poked.wait()
            self.poked.clear()
            state = await self.insist(lambda: self.host.runtime.inspect(self.id))
            if state is None or state.status is not ContainerStatus.RUNNING:
                return state
            look = self.lost_sight = False

    async def insist(self, call: Callable[[], Awaitable[T]], *, patience: float | None = None) -> T:
        """Call again and again while the engine is away: an engine that restarts must not cost a stop."""
        if patience is not None:
            return await self._insist_for(patience, call)
        told = False
        for delay in backoff(0.1, 5):
            try:
                return await call()
            except RuntimeUnavailable as error:
                self.lost_sight = True
                self.host.count_error(error.code)
                if not told:
                    log.info("waiting for the engine", instance=self.id, why=error.message)
                told = True
            self.poked.clear()  # the next call sees what it was about
            await race(self.poked.wait(), self.host.clock.sleep(delay))
        raise AssertionError("backoff never ends")

    async def _insist_for(self, seconds: float, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await within(self.host.clock, seconds, self.insist(call))
        except TimeoutError:
            return await call()  # the last attempt says what is wrong

    async def _follow_to_the_end(self, follower: Follower, before: asyncio.Task[None] | None, *, resume: bool) -> None:
        if before:
            await wait_for(before)
        await follower.run(self.record.started, self.record.attempt, resume=resume)
        self.poke()

    async def _save(self, *, durable: bool, strict: bool) -> None:
        async with self._saving:
            try:
                await self.host.journal.save(self.record, durable=durable)
            except (HytopusError, OSError) as error:
                if strict:
                    raise
                log.warning("the journal could not be written", instance=self.id, why=str(error))


@lru_cache(maxsize=64)
def _parse_game(text: str) -> Game:
    """Shared by all instances of the game."""
    return Game.model_validate_json(text)


def report_of(record: Record, *, now: datetime, players: tuple[str, ...] = ()) -> InstanceReport:
    retry_in = None if record.retry_at is None else max((record.retry_at - now).total_seconds(), 0.0)
    return InstanceReport(
        instance_id=record.instance_id,
        generation=record.generation,
        status=record.status,
        at=record.at,
        step=record.step,
        exit_code=record.exit_code,
        exit_kind=record.exit_kind,
        oom_killed=record.oom_killed,
        problem=record.problem,
        log_tail=record.log_tail,
        timings_ms=record.timings_ms,
        players=players,
        restored=record.unwatched,
        attempt=record.attempt,
        retry_in=retry_in,
    )
