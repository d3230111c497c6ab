"""What goes in at one end comes out at the other."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.wire import codec, messages
from hytopus.wire.messages import (
    InstanceReport,
    LogLine,
    NodeFacts,
    NodeStatus,
    RegisterNode,
    StopInstance,
    StreamFrame,
)
from hytopus.wire.pb import session_pb2

CODECS = {
    codec.NODE: typing.get_args(messages.NodeMessage),
    codec.BRAIN: typing.get_args(messages.BrainMessage),
    codec.JOIN_REPLY: typing.get_args(messages.JoinReply),
    codec.FRAME: (StreamFrame,),
    codec.JOIN_REQUEST: (messages.JoinRequest,),
    codec.RENEW_REQUEST: (messages.RenewRequest,),
    codec.PEER_ASK: (messages.PeerAsk,),
    codec.PEER_LINES: (messages.PeerLines,),
    codec.PEER_FRAME: (messages.PeerFile, messages.StreamFrame),
    codec.ANSWER: (messages.Answer,),
}
EVERY = [pytest.param(c, kind, id=kind.__name__) for c, kinds in CODECS.items() for kind in kinds]
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    int: st.integers(0, 2**31 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=20),
    types.NoneType: st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that messages are made of."""
    if hint in SCALARS:
        return SCALARS[hint]
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return st.builds(hint, **{name: values(inner) for name, inner in hints.items()})  # type: ignore[arg-type]
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if typing.get_origin(hint) is Mapping:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if arguments:
        return st.one_of([values(part) for part in arguments])
    return st.sampled_from(list(hint))


@pytest.mark.parametrize(("kind_codec", "kind"), EVERY)
@given(data=st.data())
def test_every_message_survives_the_wire(kind_codec: codec.Codec[Any], kind: type[Any], data: st.DataObject) -> None:
    message = data.draw(values(kind))
    assert kind_codec.decode(kind_codec.encode(message)) == message


def test_the_contract_and_the_messages_name_the_same_things() -> None:
    for envelope, kinds in (
        (session_pb2.NodeMessage, CODECS[codec.NODE]),
        (session_pb2.BrainMessage, CODECS[codec.BRAIN]),
    ):
        fields = envelope.DESCRIPTOR.oneofs_by_name["message"].fields
        inner = {field.message_type.name for field in fields if field.message_type}
        assert inner == {kind.__name__ for kind in kinds}


def test_absent_and_zero_are_different() -> None:
    for exit_code in (None, 0, -1):
        report = InstanceReport("i", 1, NodeStatus.STOPPED, exit_code=exit_code)
        assert codec.NODE.decode(codec.NODE.encode(report)) == report


def test_a_message_from_the_future_is_ignored() -> None:
    unknown_field = bytes([0xFA, 0x3E, 0x02, 0x08, 0x01])  # field 1007: two bytes
    assert codec.BRAIN.decode(unknown_field) is None


def test_an_unknown_field_does_not_hide_the_message() -> None:
    data = codec.BRAIN.encode(StopInstance("i", 3, kill=True))
    assert codec.BRAIN.decode(data + bytes([0xF8, 0x3E, 0x01])) == StopInstance("i", 3, kill=True)


def test_an_enum_value_from_the_future_is_ignored() -> None:
    report = session_pb2.InstanceReport(instance_id="i", status=99)  # type: ignore[arg-type]
    envelope = session_pb2.NodeMessage(instance_report=report)
    assert codec.NODE.decode(envelope.SerializeToString()) is None


def test_garbage_is_an_error() -> None:
    with pytest.raises(codec.BadMessage, match="NodeMessage"):
        codec.NODE.decode(b"GET / HTTP/1.1\r\n\r\n")


def test_lone_surrogates_do_not_keep_a_line_from_being_sent() -> None:
    frame = StreamFrame("s", (LogLine(1, "", "bad \udcff byte"),))
    decoded = codec.FRAME.decode(codec.FRAME.encode(frame))
    assert decoded is not None
    assert decoded.lines[0].text == "bad ? byte"


def test_a_message_past_the_limit_is_refused_at_both_ends() -> None:
    frame = StreamFrame("s", (LogLine(1, "", "x" * codec.MAX_BYTES),))
    with pytest.raises(codec.UnsendableMessage, match="StreamFrame"):
        codec.FRAME.encode(frame)
    with pytest.raises(codec.BadMessage, match="too large"):
        codec.FRAME.decode(b"\0" * (codec.MAX_BYTES + 1))


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(codec.UnsendableMessage, match="RegisterNode"):
        codec.NODE.encode(RegisterNode(1, "a", NodeFacts(port_first=2**40)))


def test_what_no_database_and_no_json_takes_is_taken_out() -> None:
    report = InstanceReport(
        "i", 1, NodeStatus.RUNNING, players=("a\0b",), progress=math.nan, timings_ms={"x": math.inf}
    )
    found = codec.NODE.decode(codec.NODE.encode(report))
    assert isinstance(found, InstanceReport)
    assert (found.players, found.progress, found.timings_ms) == (("a\ufffdb",), 0.0, {"x": 0.0})
