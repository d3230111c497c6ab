"""The baseline: the same container, made and started through the Docker API with nothing around it."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from typing import Any, Final

from aiodocker import Docker

_IGNORED: Final = {"Hostname", "Domainname"}


async def recipe(docker: Docker, name: str) -> dict[str, Any]:
    """What it takes to make another container like the one called `name`: same image, limits, network and mount."""
    found = await (await docker.containers.get(name)).show()
    config = {key: value for key, value in found["Config"].items() if key not in _IGNORED}
    config["Labels"] = {}
    return {**config, "HostConfig": copy.deepcopy(found["HostConfig"])}


async def start(docker: Docker, recipe: Mapping[str, Any], name: str, banner: bytes | None = None) -> float:
    """Seconds from the request to the container running, or to its first line with `banner`; removed afterwards."""
    began = time.perf_counter()
    container = await docker.containers.create(dict(recipe), name=name)
    try:
        await container.start()
        if banner is not None:
            async for line in container.log(stdout=True, stderr=True, follow=True):
                if banner in line.encode():
                    break
        return time.perf_counter() - began
    finally:
        await container.delete(force=True)
