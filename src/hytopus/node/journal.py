"""What this node holds, on disk: one JSON file per instance and one for the node, each replaced atomically.

An agent that was killed at any instant finds here what it was doing. Files hold the variables' values, secrets
included, and are readable by their owner only.
"""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from hytopus.errors import HytopusError
from hytopus.kit.files import replace_file, unfinished
from hytopus.kit.waiting import Blocking
from hytopus.node.runtime.base import NoSpaceLeft
from hytopus.wire.messages import NodeStatus, PrepareInstance, Problem

_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class BadAssignment(HytopusError):
    code: ClassVar[str] = "bad_assignment"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The Brain's assignment for instance {instance} makes no sense: {why}"
    remedy: ClassVar[str] = "Update the agent or the Brain so that both have the same version."


@dataclass(frozen=True, slots=True)
class History:
    """When it was started again by itself since somebody started it: oldest first."""

    failures: tuple[datetime, ...] = ()
    """After an end that the policy counts."""
    wishes: tuple[datetime, ...] = ()
    """Because it asked for it, or ended with its machine."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the node knows of one instance."""

    assignment: PrepareInstance
    generation: int
    """That of the newest command; at least the assignment's."""
    status: NodeStatus
    prepared: bool = False
    """The directory is complete."""
    killing: bool = False
    """The stop under way is a kill."""
    destroying: bool = False
    """Being destroyed: goes on after a restart of the agent."""
    superseded: bool = False
    """Only this copy is destroyed: the instance lives elsewhere."""
    adopted: bool = False
    """Found as a container without a record: nothing is known but what the engine says."""
    step: str = ""
    started: int = 0
    """The generation of the last start: the container's, if there is one."""
    attempt: int = 1
    """Counts the starts within a generation: more than 1 for those the node made by itself."""
    restart: str = ""
    """The restart policy as JSON; empty: the game's."""
    autostart: bool = False
    """Started again when it ended while nobody watched."""
    history: History = field(default_factory=History)
    """Starts by itself that count."""
    retry_at: datetime | None = None
    """It waits until then to be started again."""
    started_at: datetime | None = None
    exit_code: int | None = None
    exit_kind: str = ""
    oom_killed: bool = False
    unwatched: bool = False
    """It ended while no agent looked or the engine was away: with the machine, most likely, and not by itself."""
    lease_s: float = 0.0
    """Without word from a Brain for so long it is stopped; 0: never."""
    fenced: bool = False
    """The stop under way, or the last one, was for want of a Brain."""
    problem: Problem | None = None
    log_tail: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    """Names of variables whose values are masked: the assignment's and the templates' own."""
    at: str = ""
    """When the status was reached: ISO 8601, UTC."""

    @property
    def instance_id(self) -> str:
        return self.assignment.instance_id


@dataclass(frozen=True, slots=True)
class NodeState:
    dev_mode: bool = False


@dataclass(frozen=True, slots=True)
class Grave:
    """An instance that was destroyed here: a Brain that came back from a backup may still believe in it."""

    instance_id: str
    generation: int
    at: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Loaded:
    records: Sequence[Record]
    unreadable: Sequence[Path]
    """Where files that made no sense were set aside."""


T = TypeVar("T")

_RECORD: Final = TypeAdapter(Record)
_STATE: Final = TypeAdapter(NodeState)
_GRAVES: Final = TypeAdapter(tuple[Grave, ...])
_GRAVES_KEPT: Final = 1000


class Journal:
    """The directory; one agent at a time. `load` comes first."""

    def __init__(self, root: Path, *, blocking: Blocking = asyncio.to_thread) -> None:
        self._root = root
        self._blocking = blocking
        self._instances = root / "instances"
        self._aside = root / "unreadable"
        self._state = NodeState()
        self.graves: tuple[Grave, ...] = ()
        """The last thousand, in the order of their deaths."""

    @property
    def dev_mode(self) -> bool:
        return self._state.dev_mode

    async def load(self) -> Loaded:
        return await self._blocking(self._load)

    async def save(self, record: Record, *, durable: bool = False) -> None:
        """Replace the instance's file; `durable` also survives a power cut. Raises `NoSpaceLeft`, `BadAssignment`."""
        path = self._path(record.instance_id)
        await self._blocking(_replace, path, _RECORD.dump_json(record), durable)

    async def forget(self, instance_id: str) -> None:
        await self._blocking(self._path(instance_id).unlink, missing_ok=True)

    async def bury(self, grave: Grave) -> None:
        """Remember that it was destroyed."""
        others = tuple(each for each in self.graves if each.instance_id != grave.instance_id)
        self.graves = (*others, grave)[-_GRAVES_KEPT:]
        await self._blocking(_replace, self._root / "graves.json", _GRAVES.dump_json(self.graves), False)

    async def set_dev_mode(self, enabled: bool) -> None:
        self._state = replace(self._state, dev_mode=enabled)
        await self._blocking(_replace, self._root / "node.json", _STATE.dump_json(self._state), True)

    def _load(self) -> Loaded:
        self._instances.mkdir(parents=True, exist_ok=True, mode=0o700)
        pattern = unfinished(Path("*")).name
        for left_over in (*self._root.glob(pattern), *self._instances.glob(pattern)):
            left_over.unlink(missing_ok=True)
        unreadable: list[Path] = []
        self._state = self._read(self._root / "node.json", _STATE, unreadable) or NodeState()
        self.graves = self._read(self._root / "graves.json", _GRAVES, unreadable) or ()
        found = (self._read(path, _RECORD, unreadable) for path in sorted(self._instances.glob("*.json")))
        records = [record for record in found if record is not None]
        return Loaded(records, unreadable)

    def _read(self, path: Path, kind: TypeAdapter[T], unreadable: list[Path]) -> T | None:
        try:
            return kind.validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            unreadable.append(self._set_aside(path))
            return None

    def _set_aside(self, path: Path) -> Path:
        self._aside.mkdir(exist_ok=True, mode=0o700)
        target = self._aside / f"{path.stem}-{len(list(self._aside.iterdir()))}.json"
        path.rename(target)
        return target

    def _path(self, instance_id: str) -> Path:
        if not is_safe(instance_id):
            raise BadAssignment(instance=repr(instance_id), why="this is no instance id")
        return self._instances / f"{instance_id}.json"


def is_safe(instance_id: str) -> bool:
    """Whether an id may be a file's name."""
    return _SAFE.fullmatch(instance_id) is not None


def _replace(path: Path, content: bytes, durable: bool) -> None:
    try:
        replace_file(path, content, durable=durable)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise NoSpaceLeft(verb=f"write {path.name} of the journal") from error
