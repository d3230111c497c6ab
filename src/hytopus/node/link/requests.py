"""Doing what the Brain asks for in a session: commands in order, questions side by side, streams on their own calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar, Final

from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.node.link.contract import Agent, Dialer
from hytopus.node.link.outbox import Outbox
from hytopus.wire.channel import LinkClosed, StreamChannel
from hytopus.wire.messages import (
    Answer,
    Ask,
    InstanceCommand,
    LogLine,
    OpenStream,
    Problem,
    PurgeCache,
    SetDevMode,
    StreamFrame,
)
from hytopus.wire.problems import problem_of

LINES_PER_FRAME: Final = 200
LINE_LENGTH: Final = 16_384
"""Longer lines are cut, so that no frame outgrows what may be sent."""


class RequestFailed(HytopusError):
    code: ClassVar[str] = "request_failed"
    template: ClassVar[str] = "The agent failed while it served {kind!r}: {cause}."
    remedy: ClassVar[str] = "The agent's log on that machine has the details."


log = get_logger(__name__)


async def carry_out(commands: asyncio.Queue[InstanceCommand | SetDevMode], agent: Agent) -> None:
    """Hand commands to the agent, one after the other, until cancelled."""
    while True:
        command = await commands.get()
        try:
            await agent.handle(command)
        except Exception:
            log.exception("a command failed", command=type(command).__name__)


async def answer(request: Ask | PurgeCache, agent: Agent, outbox: Outbox) -> None:
    """Every question gets an answer, whatever happens."""
    try:
        body = json.dumps(dict(await _ask(request, agent)))
    except HytopusError as error:
        outbox.answer(Answer(request.request_id, problem=problem_of(error)))
    except Exception as error:
        log.exception("a question could not be answered", kind=_kind(request))
        failed = RequestFailed(kind=_kind(request), cause=error)
        outbox.answer(Answer(request.request_id, problem=problem_of(failed)))
    else:
        outbox.answer(Answer(request.request_id, body))


async def _ask(request: Ask | PurgeCache, agent: Agent) -> Mapping[str, Any]:
    if isinstance(request, PurgeCache):
        body = {"template_id": request.template_id, "version": request.version}
        return await agent.ask("purge_cache", "", body)
    return await agent.ask(request.kind, request.instance_id, json.loads(request.body))


def _kind(request: Ask | PurgeCache) -> str:
    return request.kind if isinstance(request, Ask) else "purge_cache"


async def serve_stream(request: OpenStream, agent: Agent, dialer: Dialer) -> None:
    """Until nothing more is to come or the viewer leaves. Never raises for what happens on the way."""
    try:
        channel = await dialer.stream()
        try:
            await channel.send(StreamFrame(request.stream_id))
            await _serve(request, agent, channel)
        finally:
            await channel.close()
    except LinkClosed as error:
        log.debug("stream broke", instance=request.instance_id, kind=request.kind, cause=str(error))


async def _serve(request: OpenStream, agent: Agent, channel: StreamChannel) -> None:
    """Lines go out while what the viewer types comes in; the viewer is the one who hangs up."""
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(_send_lines(request, agent, channel))
        try:
            while (frame := await channel.receive()) is not None:
                if request.kind == "console" and frame.input:
                    await _type(request, agent, channel, frame.input)
        except LinkClosed as error:
            log.debug("viewer lost", instance=request.instance_id, cause=str(error))
        sending.cancel()


async def _send_lines(request: OpenStream, agent: Agent, channel: StreamChannel) -> None:
    problem: Problem | None = None
    try:
        async with aclosing(_frames(request, agent)) as frames:
            async for frame in frames:
                await channel.send(frame)
    except LinkClosed as error:
        log.debug("viewer lost", instance=request.instance_id, cause=str(error))
        return
    except HytopusError as error:
        problem = problem_of(error)
    except Exception as error:
        log.exception("stream failed", instance=request.instance_id, kind=request.kind)
        problem = problem_of(RequestFailed(kind=request.kind, cause=error))
    await _last_word(channel, StreamFrame(request.stream_id, ended=True, problem=problem))


async def _frames(request: OpenStream, agent: Agent) -> AsyncGenerator[StreamFrame, None]:
    lines = agent.lines(request.instance_id, request.tail, request.after)
    try:
        async for batch in lines:
            for start in range(0, len(batch), LINES_PER_FRAME):
                part = batch[start : start + LINES_PER_FRAME]
                yield StreamFrame(request.stream_id, tuple(map(_cut, part)))
    finally:
        if isinstance(lines, AsyncGenerator):
            await lines.aclose()


async def _type(request: OpenStream, agent: Agent, channel: StreamChannel, text: str) -> None:
    try:
        await agent.send_line(request.instance_id, text)
    except HytopusError as error:
        await _last_word(channel, StreamFrame(request.stream_id, problem=problem_of(error), ended=True))


async def _last_word(channel: StreamChannel, frame: StreamFrame) -> None:
    try:
        await channel.send(frame)
    except LinkClosed as error:
        log.debug("viewer lost", cause=str(error))


def _cut(line: LogLine) -> LogLine:
    return line if len(line.text) <= LINE_LENGTH else replace(line, text=line.text[:LINE_LENGTH] + "…")
