"""Talking to a node from a route, whichever Brain it is connected to: what features may see of the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, Literal, Protocol, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel

from hytopus.brain.nodes.answers import understood
from hytopus.brain.nodes.presence import Presence
from hytopus.wire.messages import LogLine
from hytopus.wire.place import BEGINNING, Place

M = TypeVar("M", bound=BaseModel)


class NodeSessions(Protocol):
    """The links that stand. Every call may raise `node_offline`, `node_timeout`, or what the node itself says."""

    def online(self, node_id: str) -> bool: ...

    async def ask(
        self,
        node_id: str,
        kind: str,
        *,
        instance_id: str = "",
        body: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
    ) -> dict[str, Any]: ...

    async def purge(
        self, node_id: str, *, template_id: str = "", version: str = "", timeout: float = 60.0
    ) -> dict[str, Any]: ...

    async def disconnect(self, node_id: str) -> None: ...


class Lines(Protocol):
    def __aiter__(self) -> AsyncIterator[LogLine]: ...


class NodeRelay(Protocol):
    """Console and log lines, live."""

    def open_stream(
        self,
        node_id: str,
        instance_id: str,
        kind: Literal["console", "logs"],
        *,
        tail: int = 0,
        after: Place = BEGINNING,
    ) -> AbstractAsyncContextManager[Lines]: ...


class FileTransfer(Protocol):
    """A whole file: either `head` and then `pieces`, or `send`."""

    async def head(self) -> dict[str, Any]: ...

    def pieces(self) -> AsyncIterator[bytes]: ...

    async def send(self, chunks: AsyncIterator[bytes]) -> dict[str, Any]: ...


class NodeFiles(Protocol):
    """Whole files, from a node and to it."""

    def open_file(
        self, node_id: str, instance_id: str, kind: Literal["download", "upload"], body: Mapping[str, Any]
    ) -> AbstractAsyncContextManager[FileTransfer]: ...


async def ask(
    sessions: NodeSessions,
    answer: type[M],
    node_id: str,
    kind: str,
    *,
    instance_id: str = "",
    body: Mapping[str, Any] | None = None,
    timeout: float = 10.0,
) -> M:
    """Ask, and take nothing but an answer of that shape. May raise `NodeAnswerUnusable`, too."""
    said = await sessions.ask(node_id, kind, instance_id=instance_id, body=body, timeout=timeout)
    return understood(answer, said, node_id=node_id, what=kind)


async def _sessions(request: Request) -> NodeSessions:
    sessions: NodeSessions = request.app.state.reach
    return sessions


async def _relay(request: Request) -> NodeRelay:
    relay: NodeRelay = request.app.state.reach
    return relay


async def _files(request: Request) -> NodeFiles:
    files: NodeFiles = request.app.state.reach
    return files


async def _presence(request: Request) -> Presence:
    presence: Presence = request.app.state.presence
    return presence


SessionsDep = Annotated[NodeSessions, Depends(_sessions)]
FilesDep = Annotated[NodeFiles, Depends(_files)]
RelayDep = Annotated[NodeRelay, Depends(_relay)]
PresenceDep = Annotated[Presence, Depends(_presence)]
