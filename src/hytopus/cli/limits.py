"""Limits to regions and tags, as options and as text."""

from __future__ import annotations

from collections.abc import Iterable

from hytopus.cli.connection.client import Json


def scope_of(regions: list[str] | None, tags: list[str] | None) -> Json:
    """What the API takes."""
    return {"regions": regions or [], "tags": tags or []}


def scope_text(scopes: Iterable[Json]) -> str:
    """For a person; empty where nothing is limited."""
    return "; ".join(filter(None, map(_text, scopes)))


def _text(scope: Json) -> str:
    return " | ".join(map(_one, (scope, *scope.get("others", ()))))


def _one(scope: Json) -> str:
    parts = (("region", scope["regions"]), ("tag", scope["tags"]))
    return ", ".join(f"{what} {' or '.join(names)}" for what, names in parts if names)
