"""The fence around the game servers, looked after: what a restart of the engine or a firewall tears down comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.node.identity import Identity
from hytopus.node.link.addresses import Addresses
from hytopus.node.runtime.docker.fence import METADATA, Fence
from hytopus.node.settings import NodeSettings

log = get_logger(__name__)

EVERY_S: Final = 60.0
_PORTS: Final = {"http": 80, "https": 443}


def fence_of(settings: NodeSettings, identity: Identity) -> Fence | None:
    """None where the operator wants none."""
    if not settings.docker.fence:
        return None

    def brains() -> list[SplitResult]:
        """Where the API was when this node joined, and where it was told that Brains serve nodes."""
        return [urlsplit(identity.brain_url), *(urlsplit(f"//{known}") for known in Addresses(identity).known())]

    def forbidden() -> Iterator[str]:
        yield METADATA
        yield from dict.fromkeys(brain.hostname for brain in brains() if brain.hostname)

    def closed() -> Iterator[int]:
        yield from (brain.port or _PORTS.get(brain.scheme, 0) for brain in brains())

    return Fence(settings.ports.first, settings.ports.last, forbidden, closed, settings.docker.allowed)


async def keep_guard(guard: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """For ever. What prevents it is said once; an engine that is away is somebody else's business."""
    said = ""
    while True:
        try:
            await guard()
            said = ""
        except HytopusError as error:
            if error.message != said and not error.retryable:
                log.warning("game servers are not fenced in", code=error.code, why=error.message, remedy=error.advice)
            said = error.message
        except Exception:
            log.exception("the fence around the game servers could not be looked after; trying again")
        await clock.sleep(EVERY_S)
