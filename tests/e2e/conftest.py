"""One installation for all end-to-end tests that break nothing, and one of its own for each that does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.engine import PrivateEngine
from tests.services.layers import write_layer
from tests.services.seaweed import S3
from tests.services.stack import GAMES, Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, docker_engine: str, s3: S3) -> Iterator[Stack]:
    """S3, Brain and node on the machine's Docker Engine, with the stand-in's image."""
    running = Stack(tmp_path_factory.mktemp("stack"), s3=s3, docker_url=docker_engine)
    try:
        running.start()
        running.cli("game", "build", "stand-in")
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def brisk(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A layer of the game that is looked at all the time (`tests/services/games/brisk`)."""
    directory = write_layer(tmp_path_factory.mktemp("layers") / "brisk-base", {"motd.txt": "hello"}, 'game = "brisk"')
    stack.cli("template", "push", str(directory), f"{directory.name}@1")
    return "brisk-base@1"


@pytest.fixture(scope="session")
def luanti(stack: Stack) -> Stack:
    """The same, with Luanti's image and the three layers of the demo network."""
    stack.cli("game", "build", "luanti")
    for layer in sorted((GAMES / "luanti" / "templates").iterdir()):
        stack.cli("template", "push", str(layer))
    return stack


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation whose S3, Brain, node and Docker Engine may all be killed."""
    directory = tmp_path_factory.mktemp("breakable")
    engine = PrivateEngine(Path("/var/tmp") / f"hytopus-{directory.name}-{id(directory):x}")
    running = Stack(directory, docker_url=engine.url)
    running.engine = engine
    try:
        engine.start()
        running.start()
        running.cli("game", "build", "stand-in")
        yield running
    finally:
        running.close()
        engine.close()
