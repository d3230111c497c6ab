"""What can go wrong with an instance while it lives: kept with it, shown to people, never raised at them."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class PreparingTimedOut(HytopusError):
    code: ClassVar[str] = "preparing_timed_out"
    status: ClassVar[int] = 504
    template: ClassVar[str] = "The preparation made no progress for {seconds:.0f} seconds."
    remedy: ClassVar[str] = "Look at the node's log (S3 reachable? disk full?), then start it again."


class StartingTimedOut(HytopusError):
    code: ClassVar[str] = "starting_timed_out"
    status: ClassVar[int] = 504
    template: ClassVar[str] = "It was not ready for players within {seconds:.0f} seconds and was killed."
    remedy: ClassVar[str] = "Read its last lines; raise `ready.timeout` in game.toml if it only needs longer."


class StoppingTimedOut(HytopusError):
    code: ClassVar[str] = "stopping_timed_out"
    status: ClassVar[int] = 504
    template: ClassVar[str] = "It did not end within {seconds:.0f} seconds of being killed."
    remedy: ClassVar[str] = "Check the Docker Engine of its node; `hytopus instance kill` tries again."


class DestroyingTimedOut(HytopusError):
    code: ClassVar[str] = "destroying_timed_out"
    status: ClassVar[int] = 504
    template: ClassVar[str] = "Its node has not removed its files within {seconds:.0f} seconds; it goes on trying."
    remedy: ClassVar[str] = "Check that the node is online and its disk works."


class MovingTimedOut(HytopusError):
    code: ClassVar[str] = "moving_timed_out"
    status: ClassVar[int] = 504
    template: ClassVar[str] = "Packing and uploading its world made no progress for {seconds:.0f} seconds; it stays."
    remedy: ClassVar[str] = "Look at the node's log (object store reachable? disk full?), then move it again."


class NodeRemoved(HytopusError):
    code: ClassVar[str] = "node_removed"
    status: ClassVar[int] = 410
    template: ClassVar[str] = "The node it was on was removed."
    remedy: ClassVar[str] = "Start it to have it built anew on another node, or destroy it."


class InstanceVanished(HytopusError):
    code: ClassVar[str] = "instance_vanished"
    status: ClassVar[int] = 410
    template: ClassVar[str] = "Its node came back without it: nothing of it is left there."
    remedy: ClassVar[str] = "Start it to have it built anew."


class ExitedBeforeReady(HytopusError):
    code: ClassVar[str] = "exited_before_ready"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "Its process ended before it was ready for players (exit code {exit_code})."
    remedy: ClassVar[str] = "Read its last lines."


class Crashed(HytopusError):
    code: ClassVar[str] = "crashed"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "Its process ended unexpectedly (exit code {exit_code})."
    remedy: ClassVar[str] = "Read its last lines."


class RestartLoop(HytopusError):
    code: ClassVar[str] = "restart_loop"
    status: ClassVar[int] = 502
    template: ClassVar[str] = (
        "It was started again by itself {count} times within {minutes:.0f} minutes and is left alone."
    )
    remedy: ClassVar[str] = "Read its last lines; `hytopus instance start` tries again."
