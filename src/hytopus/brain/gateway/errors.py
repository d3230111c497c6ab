"""What can go wrong between a Brain and a node that is asked something."""

from __future__ import annotations

import math
from typing import ClassVar

from hytopus.errors import HytopusError
from hytopus.wire.messages import Problem
from hytopus.wire.problems import PeerProblem as NodeProblem

__all__ = [
    "GatewayCannotListen",
    "NodeOffline",
    "NodeProblem",
    "NodeTimeout",
    "NotABrainCalling",
    "SessionNotOpened",
    "raised",
]


class NodeOffline(HytopusError):
    code: ClassVar[str] = "node_offline"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "Node {node} is not connected."
    remedy: ClassVar[str] = "`hytopus node list` shows since when; look at the agent's log on that machine."
    retryable: ClassVar[bool] = True


class NodeTimeout(HytopusError):
    code: ClassVar[str] = "node_timeout"
    status: ClassVar[int] = 504
    template: ClassVar[str] = "Node {node} did not answer {what!r} within {seconds:g} seconds."
    remedy: ClassVar[str] = "Try again; if it stays so, look at the agent's log on that machine."
    retryable: ClassVar[bool] = True


class SessionNotOpened(HytopusError):
    code: ClassVar[str] = "session_not_opened"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The session did not begin with register_node."
    remedy: ClassVar[str] = "Make sure that the releases of Brain and Node fit together."
    retryable: ClassVar[bool] = True
    """A slow network looks the same."""


class GatewayCannotListen(HytopusError):
    code: ClassVar[str] = "gateway_cannot_listen"
    template: ClassVar[str] = "The Brain cannot listen for nodes on {address}: {cause}."
    remedy: ClassVar[str] = "Stop what uses the port, or choose another one in the Brain's `gateway` settings."


class NotABrainCalling(HytopusError):
    code: ClassVar[str] = "not_a_brain_calling"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "Only another Brain may ask this, and the caller's certificate is not a Brain's."
    remedy: ClassVar[str] = "Nodes and people have no use for it; ask the REST API instead."


def raised(problem: Problem) -> HytopusError:
    """What a node, or the Brain in between, says is wrong, as the error it would be here."""
    params = problem.params
    match problem.code:
        case NodeOffline.code:
            return NodeOffline(node=params.get("node", ""))
        case NodeTimeout.code:
            seconds = _number(params.get("seconds", ""))
            return NodeTimeout(node=params.get("node", ""), what=params.get("what", ""), seconds=seconds)
        case _:
            return NodeProblem(problem)


def _number(text: str) -> float:
    """0 for what is none: a node may say anything."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0
