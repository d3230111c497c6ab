"""Whatever bytes the other end sends: a message, nothing, or `BadMessage`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.wire.codec import BadMessage, Codec
from tests.unit.wire.test_codec import CODECS, values

EVERY = [pytest.param(codec, kinds, id=kinds[0].__name__) for codec, kinds in CODECS.items()]


def _decoded(codec: Codec[Any], data: bytes) -> Any:
    try:
        return codec.decode(data)
    except BadMessage:
        return None


@pytest.mark.parametrize(("codec", "kinds"), EVERY)
@given(data=st.data())
def test_bytes_of_any_kind(codec: Codec[Any], kinds: tuple[type, ...], data: st.DataObject) -> None:
    message = _decoded(codec, data.draw(st.binary(max_size=300)))
    assert message is None or isinstance(message, kinds)


@pytest.mark.parametrize(("codec", "kinds"), EVERY)
@given(data=st.data())
def test_a_message_of_which_some_bytes_were_changed(
    codec: Codec[Any], kinds: tuple[type, ...], data: st.DataObject
) -> None:
    raw = bytearray(codec.encode(data.draw(st.one_of(*map(values, kinds)))))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(raw)))
        raw[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    message = _decoded(codec, bytes(raw))
    if message is not None:
        assert isinstance(message, kinds)
        codec.encode(message)  # what was understood can be passed on
