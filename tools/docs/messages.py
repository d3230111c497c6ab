"""`wire.md`: what Brain and Node say to each other."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import typing
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from hytopus.wire import messages
from hytopus.wire.codec import MAX_BYTES
from hytopus.wire.messages import commands, joining, nodes, peers, reports, session, streams
from hytopus.wire.version import OLDEST, PROTOCOL
from tools.docs.attributes import attribute_docs
from tools.docs.markdown import code, first_paragraph, table

_INTRO = f"""
The contract is `proto/`; these are the messages as the code sees them (`hytopus.wire.messages`). A session is one
bidirectional gRPC call that the node opens, with TLS in both directions. This release speaks protocol {PROTOCOL} and
understands {OLDEST} and later. Unknown messages and fields are ignored, so that a newer peer can say more. No message
is larger than {MAX_BYTES >> 20} MiB. [The link](../architecture/link.md) explains how they are used.
"""


def page() -> str:
    node, brain = set(typing.get_args(messages.NodeMessage)), set(typing.get_args(messages.BrainMessage))
    every = list(_in_order())
    parts = [
        ("Node to Brain", [one for one in every if one in node]),
        ("Brain to Node", [one for one in every if one in brain]),
        ("Parts and other calls", [one for one in every if one not in node | brain]),
    ]
    return "\n".join(["# Wire messages", _INTRO, *(_part(title, kinds) for title, kinds in parts)])


def _part(title: str, kinds: list[type]) -> str:
    return "\n\n".join([f"## {title}", *(_message(kind) for kind in kinds)]) + "\n"


def _message(kind: Any) -> str:
    text = first_paragraph(kind.__doc__) if _has_own_doc(kind) else ""
    docs = attribute_docs(kind)
    if issubclass(kind, StrEnum):
        rows: Iterator[tuple[str, ...]] = ((code(one.value), docs.get(one.name, "")) for one in kind)
        return "\n\n".join(filter(None, (f"### {kind.__name__}", text, table(("Value", "Meaning"), rows))))
    hints = _annotations(kind)
    rows = ((code(one.name), code(hints[one.name]), docs.get(one.name, "")) for one in dataclasses.fields(kind))
    return "\n\n".join(filter(None, (f"### {kind.__name__}", text, table(("Field", "Type", "Meaning"), rows))))


def _in_order() -> Iterator[type]:
    """The classes of the modules, in the order they are written."""
    for module in (reports, nodes, session, commands, streams, joining, peers):
        for statement in ast.parse(inspect.getsource(module)).body:
            if isinstance(statement, ast.ClassDef):
                yield getattr(module, statement.name)


def _has_own_doc(kind: type) -> bool:
    """Dataclasses get a text made of their signature where nobody wrote one."""
    return not (kind.__doc__ or "").startswith(f"{kind.__name__}(")


def _annotations(kind: Any) -> dict[str, str]:
    return {
        one.name: str(one.type).replace("Mapping[", "map[").replace(", ...", "").replace("tuple[", "list[")
        for one in dataclasses.fields(kind)
    }
