"""URLs of templates for nodes: signed once for all who need the same object within a minute."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hytopus.kit.clock import Clock
from hytopus.storage.base import ObjectStore
from hytopus.wire.messages import PrepareInstance, TemplateLayer

URL_LIFETIME_S: Final = 3600
"""How long a node may use a presigned URL before it has to ask for another."""
_SHARED_S: Final = 60.0
"""A URL is handed out for so long; signing one takes longer than all the rest of a command."""
_MOST: Final = 10_000


class Signer:
    """Remembers what it has signed lately."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._signed: dict[str, tuple[float, str]] = {}

    async def sign(self, command: PrepareInstance) -> PrepareInstance:
        """The command with a URL for exactly each of the objects that it names by their keys."""
        layers = [replace(layer, url=await self._shared(layer.url)) for layer in command.template_layers]
        world = None if command.world is None else await self._own(command.world)
        return replace(command, template_layers=tuple(layers), world=world)

    async def _shared(self, key: str) -> str:
        now = self._clock.monotonic()
        until, url = self._signed.get(key, (now, ""))
        if until > now:
            return url
        if len(self._signed) >= _MOST:
            self._signed.clear()
        url = await self._store.presign_get(key, expires_s=URL_LIFETIME_S)
        self._signed[key] = (now + _SHARED_S, url)
        return url

    async def _own(self, layer: TemplateLayer) -> TemplateLayer:
        return replace(layer, url=await self._store.presign_get(layer.url, expires_s=URL_LIFETIME_S))
