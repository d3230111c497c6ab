"""What can go wrong in an instance's life on a node."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class InstanceUnknown(HytopusError):
    code: ClassVar[str] = "instance_unknown"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "This node holds no instance {instance}."
    remedy: ClassVar[str] = "Look where it is: `hytopus instance explain`."


class InstanceNotPrepared(HytopusError):
    code: ClassVar[str] = "not_prepared"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Instance {instance} cannot start: its directory is not prepared on this node."
    remedy: ClassVar[str] = "Prepare it first; `hytopus instance start` does both after a failure."


class NotRunning(HytopusError):
    code: ClassVar[str] = "not_running"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Instance {instance} is {status} and reads no console."
    remedy: ClassVar[str] = "Start it first."


class ExitedAtOnce(HytopusError):
    code: ClassVar[str] = "exited_at_once"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The server of {instance} ended with {why} before it was ready for players."
    remedy: ClassVar[str] = "Its last lines say why: `hytopus instance logs`."


class Exited(HytopusError):
    code: ClassVar[str] = "exited"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The server of {instance} ended with {why}."
    remedy: ClassVar[str] = "Its last lines say more: `hytopus instance logs`."


class ReadyTimeout(HytopusError):
    code: ClassVar[str] = "ready_timeout"
    status: ClassVar[int] = 504
    template: ClassVar[str] = "The server of {instance} was not ready for players within {seconds:g} s: {why}."
    remedy: ClassVar[str] = (
        "Read its last lines (`hytopus instance logs`); raise `ready.timeout` in game.toml if it is slow."
    )


class Hung(HytopusError):
    code: ClassVar[str] = "hung"
    status: ClassVar[int] = 504
    template: ClassVar[str] = "The server of {instance} did not answer any more and was killed: {why}"
    remedy: ClassVar[str] = "Its crash bundle says what it did last; [live] in game.toml says what counts as an answer."


class CrashLoop(HytopusError):
    code: ClassVar[str] = "crash_loop"
    status: ClassVar[int] = 409
    template: ClassVar[str] = (
        "{instance} was started again {count} times within {seconds:g} s and is left alone. The last time: {why}"
    )
    remedy: ClassVar[str] = "`hytopus crash list` says more about each; `hytopus instance start` tries again."


class ContainerVanished(HytopusError):
    code: ClassVar[str] = "container_vanished"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The container of {instance} was removed by something other than Hytopus."
    remedy: ClassVar[str] = "Find out who removes containers on the node; start the instance again, its files are kept."


class StopIgnored(HytopusError):
    code: ClassVar[str] = "stop_ignored"
    status: ClassVar[int] = 504
    template: ClassVar[str] = "The server of {instance} did not end within {seconds:g} s of being asked and was killed."
    remedy: ClassVar[str] = "Unsaved progress may be lost. Raise `stop.grace` in game.toml if it only needs longer."


class UrlsNotRenewed(HytopusError):
    code: ClassVar[str] = "urls_not_renewed"
    status: ClassVar[int] = 504
    template: ClassVar[str] = (
        "The links to the layers of {instance} ran out, and the Brain sent no new ones for {seconds:g} s."
    )
    remedy: ClassVar[str] = "Check that the Brain is reachable; start the instance again."
    retryable: ClassVar[bool] = True


class StillBusy(HytopusError):
    code: ClassVar[str] = "instance_not_at_rest"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{instance} is {state}; {what} can only be changed while it is stopped."
    remedy: ClassVar[str] = "Stop it first. What you typed is not lost: write it again then."


class BadQuestion(HytopusError):
    code: ClassVar[str] = "bad_question"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The node does not understand the question {kind!r}: {why}"
    remedy: ClassVar[str] = "Update the agent or the Brain so that both have the same version."


class AgentFault(HytopusError):
    code: ClassVar[str] = "agent_fault"
    template: ClassVar[str] = "The agent failed at {what} of {instance}: {why}"
    remedy: ClassVar[str] = "This is a fault in Hytopus: please report it with the agent's log."


class LeaseExpired(HytopusError):
    code: ClassVar[str] = "lease_expired"
    status: ClassVar[int] = 503
    template: ClassVar[str] = (
        "{instance} was stopped because its node had no word from a Brain for {seconds:.0f} seconds, its lease."
    )
    remedy: ClassVar[str] = (
        "It starts again by itself when the Brain is back. With `on_node_loss` set to `wait` it is never stopped for "
        "this, and never started elsewhere."
    )


class NotAtRest(HytopusError):
    code: ClassVar[str] = "not_at_rest"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{instance} is {status} on its node; its world can only be packed while it is at rest."
