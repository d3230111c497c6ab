"""Something to see in the panel: layers, and servers made of them."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from tests.services.layers import write_layer
from tests.services.stack import Stack

RULES = """
type = "master"
game = "stand-in"
description = "What every server has"
require = ["config.json"]

[variables]
GREETING = { required = true, description = "What players read first" }
BEHAVIOUR = { default = "Plain", description = "What the stand-in shall do" }
VALUE = { default = "1" }
TOKEN = { default = "none", secret = true, description = "Known to the server alone" }
"""
CONFIG = '{\n  "ServerName": "${SERVER_NAME}",\n  "Motd": "${GREETING}",\n  "${BEHAVIOUR}": "${VALUE}"\n}\n'
LAYERS = {
    "panel-base": ({"config.json": CONFIG, "server/readme.txt": "base"}, RULES),
    "panel-mode": ({"server/readme.txt": "mode", "mods/mode.txt": "fast"}, 'type = "gamemode"\n'),
    "panel-map": ({"world/map.txt": "an island"}, 'type = "map"\n'),
}


def push_layers(stack: Stack, directory: Path) -> None:
    for name, (files, rules) in LAYERS.items():
        stack.cli("template", "push", str(write_layer(directory / name, files, rules)), f"{name}@1.0.0")


def create_running(stack: Stack, prefix: str = "panel") -> str:
    name = f"{prefix}-{uuid4().hex[:6]}"
    stack.post("instances", {"name": name, "layers": list(LAYERS), "variables": {"GREETING": "Hello"}})
    stack.until(name, "running")
    return name
