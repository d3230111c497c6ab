"""From what was asked for to what is locked: versions, the game, the variables, the ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.instances.errors import GameMissing, PortAskedTwice, PortOutsidePools, UnknownPort
from hytopus.brain.nodes.models import Node
from hytopus.brain.templates.models import TemplateVersion
from hytopus.brain.templates.queries import resolve
from hytopus.games.definition import Game
from hytopus.layers.reference import LayerReference
from hytopus.layers.rules import TemplateRules


@dataclass(frozen=True, slots=True)
class Locked:
    """Versions that stay what they are, and the game they make."""

    versions: Sequence[TemplateVersion]
    rules: Sequence[TemplateRules]
    game: Game

    @property
    def layers(self) -> list[dict[str, Any]]:
        return [layer_of(version) for version in self.versions]

    @property
    def persistent(self) -> bool:
        """Whether such a server has a world of its own: the last layer that says so, else the game."""
        said = [rules.persistent for rules in self.rules if rules.persistent is not None]
        return said[-1] if said else self.game.persistent


async def lock(
    session: AsyncSession, references: Sequence[str], game: str | None, games: Catalogue, *, hold: bool = True
) -> Locked:
    """Find the versions now, and the game: the one asked for, else that of the last layer which names one.

    `hold` keeps the versions from being deleted before the transaction ends. Raises what is wrong with the layers.
    """
    parsed = [LayerReference.parse(text) for text in references]
    versions = await resolve(session, parsed, lock=hold)
    rules = [version.template_rules for version in versions]
    named = game or next((one.game for one in reversed(rules) if one.game), None)
    if named is None:
        raise GameMissing(layers=", ".join(version.name for version in versions))
    return Locked(versions, rules, games.get(named))


async def check_ports(session: AsyncSession, game: Game, asked: Mapping[str, int]) -> None:
    """Refuse what no node can ever offer. A port that is only taken now is something to wait for."""
    known = [port.name for port in game.ports]
    for name in asked:
        if name not in known:
            raise UnknownPort(game=game.name, port=name, known=", ".join(known) or "none")
    numbers = list(asked.values())
    for number in numbers:
        if numbers.count(number) > 1:
            raise PortAskedTwice(number=number)
    if not numbers:
        return
    pools = list(await session.execute(select(Node.port_first, Node.port_last).where(Node.port_first > 0)))
    for number in numbers:
        if pools and not any(first <= number <= last for first, last in pools):
            listed = ", ".join(sorted({f"{first}-{last}" for first, last in pools}))
            raise PortOutsidePools(number=number, pools=listed)


def layer_of(version: TemplateVersion) -> dict[str, Any]:
    return {
        "template_id": version.template_id,
        "version": version.version,
        "checksum": version.checksum,
        "size": version.size,
        "s3_key": version.s3_key,
        "type": version.type.value,
    }
