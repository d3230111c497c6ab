"""What can be wrong with a request about nodes."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class NodeNotFound(HytopusError):
    code: ClassVar[str] = "node_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no node {node!r}{hint}."
    remedy: ClassVar[str] = "`hytopus node list` shows the nodes that have joined."


class NodeNameTaken(HytopusError):
    code: ClassVar[str] = "node_name_taken"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Another node is already called {name!r}."
    remedy: ClassVar[str] = "Choose another name, or remove the old node first (`hytopus node remove {name}`)."


class BadNodeName(HytopusError):
    code: ClassVar[str] = "bad_node_name"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{name!r} cannot be the name of a node."
    remedy: ClassVar[str] = "Use 1 to 64 lower-case letters, digits, `-` and `_`."


class NodeIdentityInUse(HytopusError):
    """Two agents with one identity: a copied data directory or certificate."""

    code: ClassVar[str] = "node_identity_in_use"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The identity of node {node!r} belongs to another machine or data directory."
    remedy: ClassVar[str] = (
        "An identity must not be copied. Give this machine its own with `hytopus node join` and a new token."
    )


class NodeNotEmpty(HytopusError):
    code: ClassVar[str] = "node_not_empty"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Node {node!r} still holds {count} instance(s): {names}."
    remedy: ClassVar[str] = (
        "Destroy them first, or remove the node with force: they are then given up as failed, and their files stay "
        "on the machine."
    )


class NodeNotOffline(HytopusError):
    code: ClassVar[str] = "node_not_offline"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Node {node!r} is {state}; only a node that is offline can be declared lost."
    remedy: ClassVar[str] = (
        "Drain it (`hytopus node drain {node}`), or wait until it counts as offline (`nodes.offline_after`)."
    )


class NodeAnswerUnusable(HytopusError):
    code: ClassVar[str] = "node_answer_unusable"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "Node {node} answered {what!r} with something that cannot be used: {cause}."
    remedy: ClassVar[str] = (
        "Make sure that the releases of Brain and Node fit together (`hytopus node list`). If they do, look at the "
        "agent's log on that machine, and do not trust the machine before you know why."
    )
