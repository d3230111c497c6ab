"""Sending worlds away: packs what an instance changed and uploads it in parts, while the Brain asks how far it is.

A question starts what has not begun; nothing here survives the agent, and the next one begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hytopus.errors import HytopusError
from hytopus.kit.backoff import backoff
from hytopus.kit.logs import get_logger
from hytopus.node.materialise.leaving import PackedWorld
from hytopus.node.runner.errors import BadQuestion, NotAtRest
from hytopus.node.runner.host import Host
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.mask import problem_of
from hytopus.node.runner.states import AT_REST
from hytopus.wire.messages import Problem
from hytopus.wire.problems import as_dict

log = get_logger(__name__)


@dataclass(slots=True)
class _Sending:
    """One move of one instance."""

    move: str
    part_bytes: int
    progress: float = 0.0
    packed: PackedWorld | None = None
    sums: Sequence[str] = ()
    upload: str = ""
    targets: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    etags: dict[int, str] = field(default_factory=dict)
    problem: Problem | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def shown(self) -> dict[str, Any]:
        if self.problem:
            return {"state": "failed", "progress": 0.0, "problem": as_dict(self.problem)}
        if self.packed is None:
            return {"state": "packing", "progress": self.progress}
        return {
            "state": "packed",
            "progress": len(self.etags) / len(self.sums),
            "checksum": self.packed.checksum,
            "size": self.packed.size,
            "parts": list(self.sums),
            "etags": {str(number): etag for number, etag in self.etags.items()},
        }


class Worlds:
    """`run` it; `ask` is the Brain's question."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._sending: dict[str, _Sending] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await asyncio.Event().wait()

    def ask(self, instance: Instance, body: Mapping[str, Any]) -> dict[str, Any]:
        """How far it is with this move; begins it if it is new. Raises `NotAtRest`."""
        if self._tasks is None:
            raise BadQuestion(kind="world", why="the agent is not ready yet")
        if instance.record.status not in AT_REST:
            raise NotAtRest(instance=instance.name, status=instance.record.status)
        sending = self._sending.get(instance.id)
        if sending is None or sending.move != body["move"]:
            sending = self._begin(instance, body)
        if sending.upload != body["upload"]:
            sending.upload, sending.etags = body["upload"], {}
        sending.targets = {part["number"]: part for part in body["parts"]}
        sending.news.set()
        if sending.problem:
            del self._sending[instance.id]
        return sending.shown()

    def forget(self, instance_id: str) -> None:
        sending = self._sending.pop(instance_id, None)
        if sending and sending.task:
            sending.task.cancel()

    def _begin(self, instance: Instance, body: Mapping[str, Any]) -> _Sending:
        assert self._tasks
        self.forget(instance.id)
        sending = self._sending[instance.id] = _Sending(body["move"], int(body["part_bytes"]))
        sending.task = self._tasks.create_task(self._send(instance, sending), name=f"send {instance.id}")
        return sending

    async def _send(self, instance: Instance, sending: _Sending) -> None:
        """Whatever goes wrong for good becomes the answer."""
        try:
            await self._pack(instance, sending)
            await self._upload(instance, sending)
        except HytopusError as error:
            log.warning("the world cannot be sent", instance=instance.id, code=error.code, why=str(error))
            sending.problem = problem_of(error, str)
        except OSError as error:
            log.warning("the world cannot be sent", instance=instance.id, why=str(error))
            sending.problem = Problem("world_not_packed", f"Its files cannot be read: {error}")

    async def _pack(self, instance: Instance, sending: _Sending) -> None:
        def progress(fraction: float) -> None:
            sending.progress = round(fraction, 2)

        packed = await self._host.directories.pack(instance.id, progress)
        sums = await self._host.blocking(_sums, packed.path, sending.part_bytes)
        log.info("world packed", instance=instance.id, bytes=packed.size, parts=len(sums))
        sending.sums, sending.packed = sums, packed

    async def _upload(self, instance: Instance, sending: _Sending) -> None:
        """Part by part, as soon as the Brain has said where to; each again until it works or the move is called off."""
        delays = backoff(0.5, 10)
        while True:
            await sending.news.wait()
            sending.news.clear()
            for number in sorted(sending.targets.keys() - sending.etags.keys()):
                try:
                    await self._put(sending, number)
                    delays = backoff(0.5, 10)
                except HytopusError as error:
                    log.warning("a part has to be sent again", instance=instance.id, part=number, why=str(error))
                    await self._host.clock.sleep(next(delays))
                    break

    async def _put(self, sending: _Sending, number: int) -> None:
        target, upload = sending.targets[number], sending.upload
        assert sending.packed
        offset = (number - 1) * sending.part_bytes
        size = min(sending.part_bytes, sending.packed.size - offset)
        put = self._host.put
        etag = await self._host.blocking(put, target["url"], target["headers"], sending.packed.path, offset, size)
        if upload == sending.upload:
            sending.etags[number] = etag


def _sums(path: Path, part_bytes: int) -> list[str]:
    """SHA-256 of each part; one part at least."""
    sums = []
    with path.open("rb") as file:
        while data := file.read(part_bytes):
            sums.append(hashlib.sha256(data).hexdigest())
    return sums
