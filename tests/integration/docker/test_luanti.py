"""The real game: its image, a world out of three layers, its handshake from outside, and a stop that saves."""

from __future__ import annotations

import os
import re
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from aiodocker import Docker

from hytopus.games.definition import ExitKind, Game
from hytopus.games.images import build_image
from hytopus.games.library import builtin_games, load_game
from hytopus.node.runtime.base import BindMount, ContainerSpec
from tests.integration.docker.conftest import DockerBench
from tests.services.waiting import eventually
from tests.unit.node.runtime.contract import ended, line_of

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_LUANTI = builtin_games() / "luanti"
_LAYERS = ("luanti-base", "luanti-survival", "luanti-flatland")


@pytest.fixture
async def luanti(engine: Docker) -> Game:
    game = load_game(_LUANTI)
    await build_image(game, _LUANTI, engine=engine, progress=print)
    return game


def fill(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda found: values.get(found[1], found[2] or ""), text)


def lay_out(folder: Path, values: dict[str, str]) -> None:
    """The layers one over the other, filled in; what the agent does, in its plainest form."""
    for layer in _LAYERS:
        shutil.copytree(_LUANTI / "templates" / layer, folder, dirs_exist_ok=True)
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_text(fill(file.read_text(), values))
        os.chown(file, 1000, 1000)


def luanti_spec(bench: DockerBench, game: Game, port: int) -> ContainerSpec:
    values = {"PORT": str(port), "SERVER_NAME": "Under test", "INSTANCE_NAME": "luanti-1", "SEED": "7"}
    plain = bench.spec(ports=[port])
    folder = bench.folder(plain.instance_id)
    lay_out(folder, values)
    return replace(
        plain,
        image=game.image.reference,
        command=[fill(part, values) for part in game.command],
        mount=BindMount(str(folder)),
        workdir=game.workdir,
        environment=game.environment,
        user=game.user,
        tmpfs=game.tmpfs,
        read_only_root=game.read_only_root,
        memory_mb=game.resources.memory_mb,
    )


async def test_it_answers_its_handshake_and_saves_the_world(bench: DockerBench, luanti: Game) -> None:
    port = bench.free_port()
    spec = luanti_spec(bench, luanti, port)
    world = bench.folder(spec.instance_id) / "world"
    await bench.runtime.start(spec)
    ready, probe = luanti.ready.log, luanti.ready.probe
    assert ready is not None
    assert probe is not None
    line = await line_of(bench.runtime, spec.instance_id, "listening on")
    assert re.search(ready, line)
    assert str(port) in line
    answer = await eventually(lambda: ask(port, bytes.fromhex(probe.send_hex)), what="an answer")
    assert answer.hex().startswith(probe.expect_hex)
    assert not (world / "env_meta.txt").exists()
    await bench.runtime.signal(spec.instance_id, luanti.stop.signal)
    state = await ended(bench.runtime, spec.instance_id)
    assert luanti.classify(state.exit_code or 0, oom=state.oom_killed) is ExitKind.CLEAN
    assert (world / "env_meta.txt").exists()
    assert "seed = 7" in (world / "map_meta.txt").read_text()
    log = [text async for _, text in bench.runtime.logs(spec.instance_id)]
    assert any("[hytopus_welcome] ready on luanti-1" in text for text in log)


def ask(port: int, packet: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.sendto(packet, ("127.0.0.1", port))
        try:
            return client.recv(512)
        except TimeoutError:
            return b""
