"""Messages as a release put them on the wire, kept as bytes.

`python -m tests.unit.wire.recording` writes those of today. Do so when the protocol's number grows, and never change a
file that has been released.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from hytopus.wire import codec, messages
from hytopus.wire.version import PROTOCOL

DIRECTORY: Final = Path(__file__).parent / "recorded"
CODECS: Final[Mapping[str, tuple[codec.Codec[Any], tuple[type, ...]]]] = {
    "node": (codec.NODE, typing.get_args(messages.NodeMessage)),
    "brain": (codec.BRAIN, typing.get_args(messages.BrainMessage)),
    "stream": (codec.FRAME, (messages.StreamFrame,)),
    "join": (codec.JOIN_REQUEST, (messages.JoinRequest,)),
    "join_reply": (codec.JOIN_REPLY, typing.get_args(messages.JoinReply)),
    "renew": (codec.RENEW_REQUEST, (messages.RenewRequest,)),
    "peer_ask": (codec.PEER_ASK, (messages.PeerAsk,)),
    "peer_lines": (codec.PEER_LINES, (messages.PeerLines,)),
    "peer_file": (codec.PEER_FRAME, typing.get_args(messages.PeerFrame)),
    "peer_answer": (codec.ANSWER, (messages.Answer,)),
}


def every_message() -> Iterator[tuple[str, str, Any]]:
    """Codec, kind and a message with something in every field."""
    for name, (_, kinds) in CODECS.items():
        for kind in kinds:
            yield name, kind.__name__, _filled(kind, kind.__name__)


def plain(value: Any) -> Any:
    """A message as JSON would have it."""
    return json.loads(json.dumps(dataclasses.asdict(value), default=bytes.hex))


def record() -> Path:
    rows = [
        {"codec": name, "kind": kind, "bytes": CODECS[name][0].encode(message).hex(), "means": plain(message)}
        for name, kind, message in every_message()
    ]
    DIRECTORY.mkdir(exist_ok=True)
    file = DIRECTORY / f"protocol_{PROTOCOL}.json"
    file.write_text(json.dumps(rows, indent=1) + "\n")
    return file


def _filled(hint: Any, name: str) -> Any:
    number = sum(name.encode()) % 97 + 1
    if hint is str:
        return f"{name}-text"
    if hint is bool:
        return True
    if hint in (int, float):
        return hint(number) if hint is int else number + 0.5
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return hint(**{key: _filled(inner, key) for key, inner in hints.items()})  # type: ignore[operator]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return list(hint)[-1]
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return (_filled(arguments[0], name),)
    if typing.get_origin(hint) is Mapping:
        return {f"{name}-key": _filled(arguments[1], name)}
    return _filled(next(each for each in arguments if each is not type(None)), name)


if __name__ == "__main__":
    print(record())
