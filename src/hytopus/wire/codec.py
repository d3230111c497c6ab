"""Messages ⇄ bytes. The only file that touches the generated protobuf code."""

from __future__ import annotations

import re
import typing
from typing import Any, ClassVar, Final, Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.wire import messages
from hytopus.wire.convert import UnknownValue, from_protobuf, to_protobuf
from hytopus.wire.pb import join_pb2, peer_pb2, session_pb2, stream_pb2

MAX_BYTES: Final = 16 * 1024 * 1024
"""No single message is larger; both ends refuse to send one, and to read one."""

GATEWAY: Final = session_pb2.DESCRIPTOR.services_by_name["NodeGateway"].full_name
JOIN: Final = join_pb2.DESCRIPTOR.services_by_name["NodeJoin"].full_name

PEER: Final = peer_pb2.DESCRIPTOR.services_by_name["BrainPeer"].full_name

M = TypeVar("M")

log = get_logger(__name__)


class UnsendableMessage(HytopusError):
    code: ClassVar[str] = "unsendable_message"
    template: ClassVar[str] = "A {kind} cannot be sent: {cause}."
    remedy: ClassVar[str] = "This is a fault of Hytopus; please report it with the log."


class BadMessage(HytopusError):
    code: ClassVar[str] = "bad_message"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The other end sent {size} bytes that are no {kind}: {cause}."
    remedy: ClassVar[str] = "Make sure that both ends are Hytopus and that their releases fit together."


class Codec(Generic[M]):
    """One kind of message on the wire. `decode` gives None for a message this release does not know."""

    def __init__(self, envelope: type[Message], *kinds: type) -> None:
        self._envelope = envelope
        oneof = envelope.DESCRIPTOR.oneofs_by_name.get("message")
        self._names = {kind: _snake(kind.__name__) for kind in kinds} if oneof else {}
        self._kinds = {name: kind for kind, name in self._names.items()}
        self._only = None if oneof else kinds[0]

    def encode(self, message: M) -> bytes:
        try:
            data = self._wrap(message).SerializeToString()
        except (ValueError, TypeError, OverflowError) as error:
            raise UnsendableMessage(kind=type(message).__name__, cause=error) from error
        if len(data) > MAX_BYTES:
            raise UnsendableMessage(kind=type(message).__name__, cause=f"{len(data)} bytes are too many")
        return data

    def decode(self, data: bytes) -> M | None:
        if len(data) > MAX_BYTES:
            raise BadMessage(size=len(data), kind=self._envelope.__name__, cause="too large")
        try:
            envelope = self._envelope.FromString(data)
        except DecodeError as error:
            raise BadMessage(size=len(data), kind=self._envelope.__name__, cause=error) from error
        try:
            return self._unwrap(envelope)
        except UnknownValue as error:
            log.warning("message ignored: it holds a value this release does not know", value=str(error))
            return None

    def _wrap(self, message: Any) -> Message:
        if self._only is not None:
            return to_protobuf(message, self._envelope.DESCRIPTOR)
        name = self._names[type(message)]
        inner = self._envelope.DESCRIPTOR.fields_by_name[name].message_type
        return self._envelope(**{name: to_protobuf(message, inner)})

    def _unwrap(self, envelope: Message) -> M | None:
        if self._only is not None:
            return typing.cast("M", from_protobuf(envelope, self._only))
        name = envelope.WhichOneof("message")
        if name is None or name not in self._kinds:
            log.warning("message ignored: this release does not know it", envelope=self._envelope.__name__)
            return None
        return typing.cast("M", from_protobuf(getattr(envelope, name), self._kinds[name]))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


NODE: Final = Codec[messages.NodeMessage](session_pb2.NodeMessage, *typing.get_args(messages.NodeMessage))
"""Node -> Brain."""

BRAIN: Final = Codec[messages.BrainMessage](session_pb2.BrainMessage, *typing.get_args(messages.BrainMessage))
"""Brain -> Node."""

FRAME: Final = Codec[messages.StreamFrame](stream_pb2.StreamFrame, messages.StreamFrame)
JOIN_REQUEST: Final = Codec[messages.JoinRequest](join_pb2.JoinRequest, messages.JoinRequest)
RENEW_REQUEST: Final = Codec[messages.RenewRequest](join_pb2.RenewRequest, messages.RenewRequest)
JOIN_REPLY: Final = Codec[messages.JoinReply](join_pb2.JoinReply, *typing.get_args(messages.JoinReply))
PEER_ASK: Final = Codec[messages.PeerAsk](peer_pb2.PeerAsk, messages.PeerAsk)
PEER_LINES: Final = Codec[messages.PeerLines](peer_pb2.PeerLines, messages.PeerLines)
PEER_FRAME: Final = Codec[messages.PeerFrame](peer_pb2.PeerFrame, *typing.get_args(messages.PeerFrame))
ANSWER: Final = Codec[messages.Answer](session_pb2.Answer, messages.Answer)
