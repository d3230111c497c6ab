"""What can be wrong with a request about instances."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class InstanceNotFound(HytopusError):
    code: ClassVar[str] = "instance_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no instance {instance!r}{hint}."
    remedy: ClassVar[str] = "`hytopus instance list` shows those there are."


class NameTaken(HytopusError):
    code: ClassVar[str] = "name_taken"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Another instance is already called {name!r}."
    remedy: ClassVar[str] = "Choose another name, or destroy the old instance first."


class NamesTakenMeanwhile(HytopusError):
    code: ClassVar[str] = "names_taken_meanwhile"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Somebody else took one of the names while they were given away; nothing was created."
    remedy: ClassVar[str] = "Send the request again, with a new idempotency key: its answer says which names are taken."
    retryable: ClassVar[bool] = True


class BadInstanceName(HytopusError):
    code: ClassVar[str] = "bad_instance_name"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{name!r} cannot be the name of an instance."
    remedy: ClassVar[str] = "Use 1 to 64 lower-case letters, digits, `-` and `_`; SERVER_NAME is what players see."


class BadRestartPolicy(HytopusError):
    code: ClassVar[str] = "bad_restart_policy"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The restart policy does not fit together with that of the game: {why}."
    remedy: ClassVar[str] = "Give both backoff_min and backoff_max; docs/reference/game.md lists the keys of [restart]."


class UndeclaredVariable(HytopusError):
    code: ClassVar[str] = "undeclared_variable"
    status: ClassVar[int] = 422
    template: ClassVar[str] = (
        "Nothing uses the variable(s) {names}: neither the game {game!r} nor a layer declares them."
    )
    remedy: ClassVar[str] = "Check the spelling{nearest}, or declare them under [variables] in a layer's template.toml."


class MissingVariable(HytopusError):
    code: ClassVar[str] = "missing_variable"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The required variable(s) {names} have no value."
    remedy: ClassVar[str] = "Give them with the instance (`--set NAME=value`)."


class ReservedVariable(HytopusError):
    code: ClassVar[str] = "reserved_variable"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "Hytopus itself sets the variable(s) {names}."
    remedy: ClassVar[str] = "Leave them out; ports are asked for with `ports`."


class GameMissing(HytopusError):
    code: ClassVar[str] = "game_missing"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "None of the layers {layers} says which game they are for."
    remedy: ClassVar[str] = "Name the game with the instance, or write `game = …` into a layer's template.toml."


class UnknownPort(HytopusError):
    code: ClassVar[str] = "unknown_port"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The game {game!r} has no port {port!r}; it has {known}."


class PortAskedTwice(HytopusError):
    code: ClassVar[str] = "port_asked_twice"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "Port {number} is asked for more than once."


class PortOutsidePools(HytopusError):
    code: ClassVar[str] = "port_outside_pools"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "No node can ever offer port {number}: the pools are {pools}."
    remedy: ClassVar[str] = "Ask for a port of a pool, leave the choice to Hytopus, or widen a node's pool."


class NotAtRest(HytopusError):
    code: ClassVar[str] = "instance_not_at_rest"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{instance} is {state}; {what} can only be changed while it is stopped."
    remedy: ClassVar[str] = "Stop it first."


class InstanceIsRunning(HytopusError):
    code: ClassVar[str] = "instance_is_running"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{instance} is {state}, and {what} takes effect with a restart."
    remedy: ClassVar[str] = "Say that it may be restarted (`--restart`), or stop it first."


class InstanceDestroyed(HytopusError):
    code: ClassVar[str] = "instance_destroyed"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{instance} is destroyed, or about to be."


class InstanceNotRunning(HytopusError):
    code: ClassVar[str] = "instance_not_running"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{instance} is {state}, so there is no console to type into."


class InstanceHasNoNode(HytopusError):
    code: ClassVar[str] = "instance_has_no_node"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{instance} is not on a node ({state}), so there is nothing to look at."
    remedy: ClassVar[str] = "`hytopus instance explain {instance}` says why."


class NoRoom(HytopusError):
    code: ClassVar[str] = "no_room"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Node {node} has {free} MB of disk left; {instance} would need {more} MB more."


class PortsChanged(HytopusError):
    code: ClassVar[str] = "ports_changed"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The game {game!r} has other ports now, and {instance} has files on its node already."
    remedy: ClassVar[str] = "Create a new instance, or ask for an upgrade that discards its changes."


class CannotMove(HytopusError):
    code: ClassVar[str] = "cannot_move"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{instance} cannot be moved: {why}."
    remedy: ClassVar[str] = "{remedy}"


class NotMoving(HytopusError):
    code: ClassVar[str] = "not_moving"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{instance} is not being moved, so there is nothing to call off."
