"""The life of a container: make, start, look at, signal, wait for, remove."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from aiodocker import Docker, DockerError

from hytopus.errors import HytopusError
from hytopus.node.runtime.base import ContainerFault, ContainerSpec, ContainerState, ContainerStatus
from hytopus.node.runtime.docker.client import call
from hytopus.node.runtime.docker.config import container_config
from hytopus.node.runtime.docker.errors import is_conflict, is_missing, translated
from hytopus.node.runtime.docker.names import INSTANCE, NODE, attempt_of, generation_of, name_of, scope_filter
from hytopus.node.runtime.docker.volumes import ensure_volume, remove_volume

_NEVER: Final = "0001-01-01"
"""How the engine writes a time that has not come."""

_UNDO_SECONDS: Final = 30
_REMOVE_SECONDS: Final = 60
_STATUS: Final = {
    "created": ContainerStatus.CREATED,
    "running": ContainerStatus.RUNNING,
    "paused": ContainerStatus.RUNNING,
    "restarting": ContainerStatus.RUNNING,
}


async def inspect(docker: Docker, instance_id: str, scope: str) -> ContainerState | None:
    found = await _show(docker, name_of(instance_id), scope)
    return _state_of(found) if found else None


async def list_all(docker: Docker, scope: str) -> list[ContainerState]:
    """Every container of this agent. The short listing lacks exit codes, so the ended ones are looked at one by one."""
    params = {"all": "1", "filters": scope_filter(scope)}
    listed = await call(docker, "GET", "containers/json", params=params)
    states = await asyncio.gather(*(_show(docker, entry["Id"], scope) for entry in listed))
    return [_state_of(found) for found in states if found]


def kept(existing: ContainerState, spec: ContainerSpec) -> bool:
    """Whether `start` has nothing to do; False means that the existing one is to be replaced.

    A container that ended is not run again under the same generation and attempt: that would turn a repeated command
    into a second life. One that runs is never killed here, because the game in it would not be saved.
    """
    wanted = (spec.generation, spec.attempt)
    if existing.start > wanted:
        why = f"a newer one is here (generation {existing.generation}, asked for {spec.generation})"
        raise ContainerFault(verb="start", instance=spec.instance_id, why=why)
    if existing.status is ContainerStatus.CREATED:
        return False  # an agent died between creating and starting
    if existing.start == wanted:
        return True
    if existing.status is ContainerStatus.RUNNING:
        why = f"the one of generation {existing.generation} still runs; stop it first"
        raise ContainerFault(verb="start", instance=spec.instance_id, why=why)
    return False


async def create(docker: Docker, spec: ContainerSpec, *, scope: str, network: str, address: str) -> None:
    await ensure_volume(docker, spec, scope)
    body = container_config(spec, scope=scope, network=network, address=address)
    await call(docker, "POST", "containers/create", params={"name": name_of(spec.instance_id)}, body=body)


async def run(docker: Docker, instance_id: str) -> None:
    """Start a created container; one that runs already stays."""
    await call(docker, "POST", f"containers/{name_of(instance_id)}/start")


async def undo(docker: Docker, instance_id: str) -> None:
    """Remove what a failed start left; an engine that is gone keeps it until the next start replaces it."""
    with suppress(HytopusError, TimeoutError):
        async with asyncio.timeout(_UNDO_SECONDS):
            with translated("remove", instance_id):
                await remove(docker, instance_id)


async def signal(docker: Docker, instance_id: str, name: str) -> None:
    """Send a signal; nothing happens to a container that is gone or has ended."""
    try:
        await call(docker, "POST", f"containers/{name_of(instance_id)}/kill", params={"signal": name})
    except DockerError as error:
        if not is_missing(error) and not is_conflict(error):
            raise


async def wait(docker: Docker, instance_id: str, scope: str) -> ContainerState | None:
    """Until the container of now has ended. Held on to by its own id: a successor bears the same name."""
    found = await _show(docker, name_of(instance_id), scope)
    if found is None:
        return None
    state = _state_of(found)
    while state.status is not ContainerStatus.EXITED:
        condition = "next-exit" if state.status is ContainerStatus.CREATED else "not-running"
        try:
            await call(docker, "POST", f"containers/{found['Id']}/wait", params={"condition": condition}, seconds=None)
        except DockerError as error:
            if is_missing(error):
                return None
            raise
        found = await _show(docker, found["Id"], scope)
        if found is None:
            return None
        state = _state_of(found)
    return state


async def remove(docker: Docker, instance_id: str) -> None:
    """Remove the container, alive or dead, and the volume. Returns when its name and its ports are free."""
    name = name_of(instance_id)
    try:
        await call(docker, "DELETE", f"containers/{name}", params={"force": "1"}, seconds=_REMOVE_SECONDS)
    except DockerError as error:
        if is_conflict(error) and "already in progress" in error.message:
            await _gone(docker, name)
        elif not is_missing(error):
            raise
    await remove_volume(docker, instance_id)


async def _gone(docker: Docker, name: str) -> None:
    """Wait for a removal that somebody else began."""
    with suppress(DockerError):
        await call(docker, "POST", f"containers/{name}/wait", params={"condition": "removed"}, seconds=_REMOVE_SECONDS)


async def _show(docker: Docker, name: str, scope: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = await call(docker, "GET", f"containers/{name}/json")
    except DockerError as error:
        if is_missing(error):
            return None
        raise
    owner = found["Config"]["Labels"].get(NODE)
    if owner != scope:
        why = f"the container {found['Name'].lstrip('/')} belongs to {owner or 'somebody else'}"
        raise ContainerFault(verb="use", instance=name, why=why)
    return found


def _state_of(found: Mapping[str, Any]) -> ContainerState:
    labels, state = found["Config"]["Labels"], found["State"]
    status = _STATUS.get(state["Status"], ContainerStatus.EXITED)
    ended = status is ContainerStatus.EXITED
    return ContainerState(
        instance_id=labels.get(INSTANCE, ""),
        generation=generation_of(labels),
        attempt=attempt_of(labels),
        status=status,
        exit_code=state["ExitCode"] if ended else None,
        oom_killed=ended and state["OOMKilled"],
        started_at=_time(state["StartedAt"]),
        finished_at=_time(state["FinishedAt"]) if ended else None,
    )


def _time(text: str) -> datetime | None:
    """RFC 3339 with up to nine decimals, cut to the six that Python keeps."""
    if not text or text.startswith(_NEVER):
        return None
    seconds, _, rest = text.partition(".")
    decimals = rest.rstrip("Z")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{seconds.rstrip('Z')}.{decimals}+00:00")
