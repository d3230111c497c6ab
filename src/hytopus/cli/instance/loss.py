"""What `hytopus instance create` and `change` take about the loss of a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from hytopus.cli.parse import duration


@Parameter(name="*")
@dataclass(frozen=True)
class NodeLoss:
    """Whether there is a world to lose, and what happens when its node is lost."""

    persistent: Annotated[bool | None, Parameter(negative="--ephemeral")] = None
    """It has a world of its own (`--ephemeral`: it has none); else as its layers or its game say."""
    on_node_loss: Literal["wait", "replace"] | None = None
    """Wait for its node, or let another one take it; else `replace` without a world of its own, `wait` with one."""
    replace_after: str | None = None
    """How long it stays lost before it is replaced, e.g. 2m."""
    lease: str | None = None
    """With a world and `replace`: how long its node runs it without word from a Brain, e.g. 5m."""


def node_loss(given: NodeLoss | None) -> dict[str, Any]:
    """The fields of a request, as far as they were given."""
    if given is None:
        return {}
    fields = {
        "persistent": given.persistent,
        "on_node_loss": given.on_node_loss,
        "replace_after_s": _seconds(given.replace_after, "--replace-after"),
        "lease_s": _seconds(given.lease, "--lease"),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _seconds(text: str | None, option: str) -> float | None:
    return None if text is None else duration(text, option).total_seconds()
