"""The link over gRPC: channels for both ends, and the services as plain functions over our own messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import grpc
import grpc.aio

from hytopus.wire.channel import BrainChannel, LinkClosed, StreamChannel
from hytopus.wire.codec import (
    BRAIN,
    FRAME,
    GATEWAY,
    JOIN,
    JOIN_REPLY,
    JOIN_REQUEST,
    MAX_BYTES,
    NODE,
    RENEW_REQUEST,
    Codec,
)
from hytopus.wire.messages import BrainMessage, JoinReply, JoinRequest, NodeMessage, RenewRequest, StreamFrame
from hytopus.wire.trust import SERVER_NAME

SHARED_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_BYTES),
    ("grpc.max_send_message_length", MAX_BYTES),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 8_000),
    ("grpc.http2.ping_timeout_ms", 8_000),  # keepalive pings are pings: without this a dead peer shows after 60 s
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
SERVER_OPTIONS: Final = (
    *SHARED_OPTIONS,
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),  # a second Brain on the same port must fail, not take half of the nodes
)
CLIENT_OPTIONS: Final = (
    *SHARED_OPTIONS,
    ("grpc.ssl_target_name_override", SERVER_NAME),
    ("grpc.enable_http_proxy", 0),  # a session lasts for months; no proxy lets it
    ("grpc.enable_retries", 0),
)

HASTY_OPTIONS: Final = (
    *((key, value) for key, value in CLIENT_OPTIONS if not key.endswith(("keepalive_time_ms", "timeout_ms"))),
    ("grpc.keepalive_time_ms", 4_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.min_reconnect_backoff_ms", 3_000),  # which is how long connecting may take
)
"""For whoever has another Brain to turn to: a silent one is given up after seven seconds instead of eighteen."""

Out = TypeVar("Out")
In = TypeVar("In")
Request = TypeVar("Request")
Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end, as TLS knows it."""

    address: str
    certificate_pem: bytes = b""


class GrpcChannel(Generic[Out, In]):
    """One end of a bidirectional call: `transport` is the client's call or the server's context."""

    def __init__(self, transport: Any, encode: Codec[Out], decode: Codec[In]) -> None:
        self._transport, self._encode, self._decode = transport, encode, decode
        self._sending = asyncio.Lock()  # gRPC allows one write at a time
        self._reading: asyncio.Future[Any] | None = None
        self._closed = False

    async def send(self, message: Out) -> None:
        data = self._encode.encode(message)
        async with self._sending:
            if self._closed:
                raise LinkClosed(cause="this end was closed")
            await or_closed(self._transport.write(data))

    async def receive(self) -> In | None:
        while not self._closed:
            self._reading = asyncio.ensure_future(self._transport.read())
            try:
                data = await or_closed(self._reading)
            except LinkClosed:
                if self._closed:
                    break
                raise
            if data is grpc.aio.EOF:
                break
            if (message := self._decode.decode(data)) is not None:
                return message
        return None

    async def close(self) -> None:
        self._closed = True
        if self._reading is not None:
            self._reading.cancel()
        if isinstance(self._transport, grpc.aio.Call):
            self._transport.cancel()


async def or_closed(operation: Awaitable[Any]) -> Any:
    """The operation's result; whatever is wrong with the connection becomes LinkClosed."""
    try:
        return await operation
    except grpc.aio.AioRpcError as error:
        raise LinkClosed(cause=_cause(error)) from error
    except (asyncio.InvalidStateError, grpc.aio.UsageError, grpc.aio.BaseError, grpc.aio.InternalError) as error:
        raise LinkClosed(cause=str(error) or type(error).__name__) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise LinkClosed(cause="the call was cancelled") from error  # by the other end, not by whoever waits here


def _cause(error: grpc.aio.AioRpcError) -> str:
    return f"{error.code().name.lower()}: {error.details()}"


def open_session(channel: grpc.aio.Channel) -> GrpcChannel[NodeMessage, BrainMessage]:
    """The node's end of a new session."""
    return GrpcChannel(channel.stream_stream(f"/{GATEWAY}/Session")(), NODE, BRAIN)


def open_stream(channel: grpc.aio.Channel) -> GrpcChannel[StreamFrame, StreamFrame]:
    """The node's end of a new console or log stream."""
    return GrpcChannel(channel.stream_stream(f"/{GATEWAY}/Stream")(), FRAME, FRAME)


async def call_renew(channel: grpc.aio.Channel, request: RenewRequest, *, timeout: float) -> JoinReply:
    return await _call(channel, f"/{GATEWAY}/Renew", RENEW_REQUEST.encode(request), timeout)


async def call_join(channel: grpc.aio.Channel, request: JoinRequest, *, timeout: float) -> JoinReply:
    return await _call(channel, f"/{JOIN}/Join", JOIN_REQUEST.encode(request), timeout)


async def _call(channel: grpc.aio.Channel, method: str, data: bytes, timeout: float) -> JoinReply:
    call: Any = channel.unary_unary(method)
    reply = JOIN_REPLY.decode(await or_closed(call(data, timeout=timeout)))
    if reply is None:
        raise LinkClosed(cause="the answer is of a kind this release does not know")
    return reply


def gateway_service(
    session: Callable[[BrainChannel, Caller], Awaitable[None]],
    stream: Callable[[StreamChannel, Caller], Awaitable[None]],
    renew: Callable[[RenewRequest, Caller], Awaitable[JoinReply]],
) -> grpc.GenericRpcHandler:
    """`NodeGateway` of the contract; a session or stream ends when its function returns."""

    async def serve_session(_: Any, context: Any) -> None:
        await session(GrpcChannel[BrainMessage, NodeMessage](context, BRAIN, NODE), caller_of(context))

    async def serve_stream(_: Any, context: Any) -> None:
        await stream(GrpcChannel[StreamFrame, StreamFrame](context, FRAME, FRAME), caller_of(context))

    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Session": grpc.stream_stream_rpc_method_handler(serve_session),
        "Stream": grpc.stream_stream_rpc_method_handler(serve_stream),
        "Renew": _unary(renew, RENEW_REQUEST),
    }
    return grpc.method_handlers_generic_handler(GATEWAY, methods)


def join_service(join: Callable[[JoinRequest, Caller], Awaitable[JoinReply]]) -> grpc.GenericRpcHandler:
    """`NodeJoin` of the contract."""
    return grpc.method_handlers_generic_handler(JOIN, {"Join": _unary(join, JOIN_REQUEST)})


def _unary(
    answer: Callable[[Request, Caller], Awaitable[JoinReply]], codec: Codec[Request]
) -> grpc.RpcMethodHandler[Any, Any]:
    async def serve(data: bytes, context: Any) -> bytes:
        request = codec.decode(data)
        assert request is not None, "a message of one kind is never unknown"
        return JOIN_REPLY.encode(await answer(request, caller_of(context)))

    return grpc.unary_unary_rpc_method_handler(serve)


def caller_of(context: Any) -> Caller:
    """Whom a call that is being served comes from."""
    certificates = context.auth_context().get("x509_pem_cert", [b""])
    return Caller(context.peer().partition(":")[2], certificates[0])
