"""Doing what the Brain asks for in a session: commands in order, questions side by side, streams on their own calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any, ClassVar, Final

from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.kit.requests import of_request
from hytopus.node.link.contract import Agent, Dialer
from hytopus.node.link.outbox import Outbox
from hytopus.wire.channel import LinkClosed, StreamChannel
from hytopus.wire.messages import (
    Answer,
    Ask,
    CrashReply,
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


async def carry_out(commands: asyncio.Queue[InstanceCommand | SetDevMode | CrashReply], agent: Agent) -> None:
    """Hand commands to the agent, one after the other, until cancelled."""
    while True:
        command = await commands.get()
        with of_request(getattr(command, "origin", "")):
            await _carry_out(command, agent)


async def _carry_out(command: InstanceCommand | SetDevMode | CrashReply, agent: Agent) -> None:
    try:
        await agent.handle(command)
    except Exception:
        log.exception("a command failed", command=type(command).__name__)


async def answer(request: Ask | PurgeCache, agent: Agent, outbox: Outbox) -> None:
    """Every question gets an answer, whatever happens."""
    with of_request(request.origin):
        outbox.answer(await _answer(request, agent))


async def _answer(request: Ask | PurgeCache, agent: Agent) -> Answer:
    kind, instance = _kind(request), request.instance_id if isinstance(request, Ask) else ""
    try:
        body = json.dumps(dict(await _ask(request, agent)))
    except HytopusError as error:
        log.warning("question refused", kind=kind, instance=instance, code=error.code)
        return Answer(request.request_id, problem=problem_of(error))
    except Exception as error:
        log.exception("a question could not be answered", kind=kind, instance=instance)
        return Answer(request.request_id, problem=problem_of(RequestFailed(kind=kind, cause=error)))
    log.info("question answered", kind=kind, instance=instance)
    return Answer(request.request_id, body)


async def _ask(request: Ask | PurgeCache, agent: Agent) -> Mapping[str, Any]:
    if isinstance(request, PurgeCache):
        body = {"template_id": request.template_id, "version": request.version}
        return await agent.ask("purge_cache", "", body)
    return await agent.ask(request.kind, request.instance_id, json.loads(request.body))


def _kind(request: Ask | PurgeCache) -> str:
    return request.kind if isinstance(request, Ask) else "purge_cache"


async def serve_stream(request: OpenStream, agent: Agent, dialer: Dialer) -> None:
    """Until nothing more is to come or the viewer leaves. Never raises for what happens on the way."""
    with of_request(request.origin):
        log.info("stream opened", kind=request.kind, instance=request.instance_id)
        await _serve_kind(request, agent, dialer)


async def _serve_kind(request: OpenStream, agent: Agent, dialer: Dialer) -> None:
    try:
        channel = await dialer.stream()
        try:
            await channel.send(StreamFrame(request.stream_id))
            serve = _SERVED.get(request.kind, _serve)
            await serve(request, agent, channel)
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
    await _send_all(request, _frames(request, agent), channel)


async def _send_all(request: OpenStream, all_frames: AsyncGenerator[StreamFrame, None], channel: StreamChannel) -> None:
    problem: Problem | None = None
    try:
        async with aclosing(all_frames) as frames:
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
    lines = agent.lines(request.instance_id, request.tail, request.place)
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


async def _serve_download(request: OpenStream, agent: Agent, channel: StreamChannel) -> None:
    """The bytes go out; whoever wanted them hangs up, before the end or after it."""
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(_send_all(request, _pieces(request, agent), channel))
        try:
            while await channel.receive() is not None:
                continue
        except LinkClosed as error:
            log.debug("download broken off", instance=request.instance_id, cause=str(error))
        sending.cancel()


async def _pieces(request: OpenStream, agent: Agent) -> AsyncGenerator[StreamFrame, None]:
    pieces = agent.download(request.instance_id, _arguments(request))
    try:
        async for piece in pieces:
            if isinstance(piece, bytes):
                yield StreamFrame(request.stream_id, data=piece)
            else:
                yield StreamFrame(request.stream_id, body=json.dumps(dict(piece)))
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


async def _serve_upload(request: OpenStream, agent: Agent, channel: StreamChannel) -> None:
    """One answer, once the file is in place or refused; none where the link breaks before."""
    try:
        done = await agent.upload(request.instance_id, _arguments(request), _received(channel))
    except LinkClosed as error:
        log.debug("upload broken off", instance=request.instance_id, cause=str(error))
        return
    except HytopusError as error:
        answer = StreamFrame(request.stream_id, ended=True, problem=problem_of(error))
    except Exception as error:
        log.exception("upload failed", instance=request.instance_id)
        problem = problem_of(RequestFailed(kind=request.kind, cause=error))
        answer = StreamFrame(request.stream_id, ended=True, problem=problem)
    else:
        answer = StreamFrame(request.stream_id, ended=True, body=json.dumps(dict(done)))
    await _last_word(channel, answer)
    with suppress(LinkClosed):
        while await channel.receive() is not None:  # the other end hangs up, when it has read the answer
            continue


async def _received(channel: StreamChannel) -> AsyncGenerator[bytes, None]:
    """Raises `LinkClosed` where the file did not come to its end."""
    while (frame := await channel.receive()) is not None:
        if frame.data:
            yield frame.data
        if frame.ended:
            return
    raise LinkClosed(cause="the upload was broken off")


def _arguments(request: OpenStream) -> dict[str, Any]:
    arguments: dict[str, Any] = json.loads(request.body or "{}")
    return arguments


_SERVED: Final[Mapping[str, Callable[[OpenStream, Agent, StreamChannel], Coroutine[Any, Any, None]]]] = {
    "download": _serve_download,
    "upload": _serve_upload,
}
"""By kind; every other one is of lines."""
