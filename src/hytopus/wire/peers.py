"""Between Brains over gRPC: asking about a node whose session another Brain holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import grpc.aio

from hytopus.wire.channel import Channel, LinkClosed
from hytopus.wire.codec import ANSWER, FRAME, PEER, PEER_ASK, PEER_FRAME, PEER_LINES
from hytopus.wire.messages import Answer, PeerAsk, PeerFrame, PeerLines, StreamFrame
from hytopus.wire.network import Caller, GrpcChannel, caller_of, or_closed

AskingLines: TypeAlias = Channel[PeerLines, StreamFrame]
GivingLines: TypeAlias = Channel[StreamFrame, PeerLines]
AskingFile: TypeAlias = Channel[PeerFrame, StreamFrame]
GivingFile: TypeAlias = Channel[StreamFrame, PeerFrame]


async def call_ask(channel: grpc.aio.Channel, question: PeerAsk, *, timeout: float) -> Answer:
    """Raises LinkClosed."""
    call: Any = channel.unary_unary(f"/{PEER}/Ask")
    answer = ANSWER.decode(await or_closed(call(PEER_ASK.encode(question), timeout=timeout)))
    if answer is None:
        raise LinkClosed(cause="the answer is of a kind this release does not know")
    return answer


def open_lines(channel: grpc.aio.Channel) -> AskingLines:
    """The asking end: one PeerLines out, frames in."""
    return GrpcChannel(channel.stream_stream(f"/{PEER}/Lines")(), PEER_LINES, FRAME)


def open_file(channel: grpc.aio.Channel) -> AskingFile:
    """The asking end: one PeerFile and then frames out, frames in."""
    return GrpcChannel(channel.stream_stream(f"/{PEER}/File")(), PEER_FRAME, FRAME)


def peer_service(
    ask: Callable[[PeerAsk, Caller], Awaitable[Answer]],
    lines: Callable[[GivingLines, Caller], Awaitable[None]],
    file: Callable[[GivingFile, Caller], Awaitable[None]],
) -> grpc.GenericRpcHandler:
    """`BrainPeer` of the contract; a stream of lines or of a file ends when its function returns."""

    async def serve_ask(data: bytes, context: Any) -> bytes:
        question = PEER_ASK.decode(data)
        assert question is not None, "a message of one kind is never unknown"
        return ANSWER.encode(await ask(question, caller_of(context)))

    async def serve_lines(_: Any, context: Any) -> None:
        await lines(GrpcChannel[StreamFrame, PeerLines](context, FRAME, PEER_LINES), caller_of(context))

    async def serve_file(_: Any, context: Any) -> None:
        await file(GrpcChannel[StreamFrame, PeerFrame](context, FRAME, PEER_FRAME), caller_of(context))

    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Ask": grpc.unary_unary_rpc_method_handler(serve_ask),
        "File": grpc.stream_stream_rpc_method_handler(serve_file),
        "Lines": grpc.stream_stream_rpc_method_handler(serve_lines),
    }
    return grpc.method_handlers_generic_handler(PEER, methods)
