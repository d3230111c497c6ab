"""Waiting for an instance, against a Brain that answers from a script."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from hytopus.cli.connection.client import Api
from hytopus.cli.connection.credentials import Credentials
from hytopus.cli.instance.wait import (
    DESTROYED,
    RUNNING,
    STOPPED,
    InstanceFailed,
    WaitedTooLong,
    wait_until,
)


def instance(state: str, *, generation: int = 1, wanted: str = "running", **more: Any) -> dict[str, Any]:
    """An instance as the API shows it; `state_since` differs from state to state."""
    return {
        "id": "i1",
        "name": "lobby",
        "state": state,
        "state_since": f"{state}-{generation}",
        "wanted": wanted,
        "generation": generation,
        "node": None,
        **more,
    }


class ScriptedBrain:
    """Gives one instance after the other, and an event after each, so that the client looks again at once."""

    def __init__(self, *story: dict[str, Any]) -> None:
        self.story = list(story)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/events"):
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=self._events())
        shown = self.story.pop(0) if len(self.story) > 1 else self.story[0]
        return httpx2.Response(200, json=shown)

    async def _events(self) -> AsyncIterator[bytes]:
        for number in range(100):
            yield f"id: {number}\ndata: {json.dumps({'kind': 'x'})}\n\n".encode()


async def wait(
    brain: Callable[[httpx2.Request], httpx2.Response],
    now: dict[str, Any],
    before: dict[str, Any] | None,
    goal: str,
    timeout: float = 20,
) -> Any:
    transport = httpx2.MockTransport(brain)
    async with Api.open(Credentials("http://brain", "t"), transport=transport) as api:
        return await wait_until(api, now, before, goal, timeout=timeout)


async def test_a_new_instance_is_waited_for_until_it_runs() -> None:
    brain = ScriptedBrain(instance("preparing"), instance("starting"), instance("running"))
    assert (await wait(brain, instance("requested"), None, RUNNING))["state"] == "running"


async def test_a_failure_says_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    problem = {"message": "The port is taken.", "remedy": "Free it."}
    brain = ScriptedBrain(instance("failed", problem=problem, log_tail=["bind: in use"]))
    with pytest.raises(InstanceFailed, match=r"lobby is failed, not running: The port is taken\. Free it\."):
        await wait(brain, instance("starting"), None, RUNNING)
    assert "| bind: in use" in capsys.readouterr().err


async def test_a_start_is_not_mistaken_for_the_stop_before_it() -> None:
    stopped = instance("stopped")
    brain = ScriptedBrain(stopped, instance("starting", generation=2), instance("running", generation=2))
    assert (await wait(brain, stopped, stopped, RUNNING))["generation"] == 2


async def test_a_restart_is_over_when_the_next_generation_runs() -> None:
    running = instance("running")
    brain = ScriptedBrain(running, instance("stopping"), instance("stopped"), instance("running", generation=2))
    assert (await wait(brain, running, running, RUNNING))["generation"] == 2


async def test_stopping_is_over_when_it_has_stopped() -> None:
    brain = ScriptedBrain(instance("stopping", wanted="stopped"), instance("stopped", wanted="stopped"))
    running = instance("running")
    assert (await wait(brain, running, running, STOPPED))["state"] == "stopped"


async def test_somebody_else_stopped_it() -> None:
    brain = ScriptedBrain(instance("stopped", wanted="stopped"))
    with pytest.raises(InstanceFailed, match="somebody asked"):
        await wait(brain, instance("starting"), None, RUNNING)


async def test_destroying_goes_through_stopped() -> None:
    brain = ScriptedBrain(instance("stopped", wanted="destroyed"), instance("destroyed", wanted="destroyed"))
    assert (await wait(brain, instance("running"), None, DESTROYED))["state"] == "destroyed"


async def test_waiting_ends_with_the_patience_of_whoever_waits() -> None:
    brain = ScriptedBrain(instance("requested", waiting={"summary": "no node has room"}))
    with pytest.raises(WaitedTooLong, match="still requested"):
        await wait(brain, instance("requested"), None, RUNNING, timeout=0.2)
