"""Where this node finds a Brain: what it was told last, kept on disk, and the address it has joined with."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from typing import Final

from hytopus.kit.files import replace_file
from hytopus.kit.logs import get_logger
from hytopus.node.identity import Identity

_FILE: Final = "brains.json"
_MOST: Final = 16

log = get_logger(__name__)


class Addresses:
    """The order in which Brains are dialled. After one has failed comes the next, round and round."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._ring: deque[str] = deque()
        self._dialled = False
        self._failed = 0

    @property
    def current(self) -> str:
        """The one that is dialled, or would be."""
        return self._ring[0] if self._ring else self._identity.session_address

    @property
    def several(self) -> bool:
        return len(self._ring) > 1

    async def next(self) -> str:
        """The one to dial now."""
        if not self._ring:
            self._arrange(await asyncio.to_thread(self._load))
        if self._dialled:
            self._ring.rotate(-1)
            self._failed += 1
        self._dialled = True
        return self._ring[0]

    def known(self) -> list[str]:
        """All of them, as they are written down. Reads the disk."""
        return list(dict.fromkeys((*self._load(), self._identity.session_address)))

    def stands(self) -> None:
        """The one dialled last serves."""
        self._failed = 0

    def untried(self) -> bool:
        """Whether there is one that has not failed since a session last stood."""
        return self._failed + 1 < len(self._ring)

    async def learn(self, addresses: Sequence[str]) -> None:
        """The Brain that serves now has said where it and the others are."""
        fresh = list(dict.fromkeys(addresses))[:_MOST]
        if not fresh:
            return
        self._arrange(fresh)
        log.info("brains known", addresses=fresh)
        await asyncio.to_thread(self._save, fresh)

    def _arrange(self, addresses: Sequence[str]) -> None:
        self._ring = deque(dict.fromkeys((*addresses, self._identity.session_address)))

    def _load(self) -> list[str]:
        try:
            known = json.loads((self._identity.directory / _FILE).read_text())
            return [str(address) for address in known["session_addresses"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []  # the address it has joined with is always known

    def _save(self, addresses: Sequence[str]) -> None:
        try:
            content = json.dumps({"session_addresses": addresses}).encode() + b"\n"
            replace_file(self._identity.directory / _FILE, content)
        except OSError as error:
            log.warning("the list of Brains could not be kept", cause=str(error))
