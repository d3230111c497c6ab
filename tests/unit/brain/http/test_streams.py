"""How a server-sent event looks on the wire."""

from __future__ import annotations

from hytopus.brain.http.streams import Frame


def test_an_event_is_one_block() -> None:
    frame = Frame({"text": "grün\n"}, id="7", event="instance.started")
    assert frame.encode() == 'id: 7\nevent: instance.started\ndata: {"text":"grün\\n"}\n\n'.encode()


def test_an_event_without_id_and_name() -> None:
    assert Frame([1]).encode() == b"data: [1]\n\n"
