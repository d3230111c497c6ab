"""Assignments and records for tests."""

from __future__ import annotations

from typing import Any

from hytopus.games.definition import Game, Image
from hytopus.node.journal import Record
from hytopus.wire.messages import NodeStatus, PortBinding, PrepareInstance, TemplateLayer


def game(**changes: Any) -> Game:
    given: dict[str, Any] = {
        "name": "stand-in",
        "title": "Stand-in",
        "image": Image(reference="hytopus/stand-in:1"),
        "command": ("serve", "--port", "${PORT}"),
        "environment": {"FAKE_READY_LINE": "Server Booted"},
        "ready": {"log": "Server Booted", "timeout": 60},
        "stop": {"line": "stop", "grace": 20, "signal": "SIGTERM", "signal_grace": 5},
        "exit": {"clean": [0], "restart": [8], "configuration": [7]},
        "restart": {"on": "never"},
    }
    return Game.model_validate(given | changes)


def assignment(
    instance_id: str = "i1", generation: int = 1, *, game: Game | None = None, **changes: Any
) -> PrepareInstance:
    given: dict[str, Any] = {
        "name": "lobby-1",
        "template_layers": (layer("base"), layer("lobby")),
        "variable_map": {"PORT": "30000", "INSTANCE_NAME": "lobby-1", "TOKEN": "very-secret"},
        "secrets": ("TOKEN",),
        "game": (game or _GAME).model_dump_json(),
        "ports": (PortBinding("game", 30000, 30000, "udp"),),
        "memory_mb": 512,
        "cpus": 1.0,
        "disk_mb": 1024,
    }
    return PrepareInstance(instance_id=instance_id, generation=generation, **(given | changes))


def layer(template_id: str, version: str = "1") -> TemplateLayer:
    return TemplateLayer(template_id, version, "0" * 64, 10, f"https://s3/{template_id}")


def record(status: NodeStatus = NodeStatus.PREPARED, generation: int = 1, **changes: Any) -> Record:
    return Record(assignment(generation=generation), generation, status, **changes)


_GAME = game()
