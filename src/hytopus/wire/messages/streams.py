"""Lines and files, outside the session."""

from __future__ import annotations

from dataclasses import dataclass

from hytopus.wire.messages.reports import Problem
from hytopus.wire.place import Place


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a server's output. Numbers start at 1 with every start and never skip."""

    number: int
    at: str
    text: str
    start: str = ""
    """Which start printed it, as `generation.attempt`; empty from nodes of earlier releases."""

    @property
    def place(self) -> Place:
        return Place(self.number, self.start)


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """Node -> Brain: lines, or a file and what there is to say of it, or the end. Brain -> Node: a line, or a file."""

    stream_id: str
    lines: tuple[LogLine, ...] = ()
    input: str = ""
    ended: bool = False
    problem: Problem | None = None
    data: bytes = b""
    body: str = ""
    """JSON: what a file that comes is, or what became of one that went."""
