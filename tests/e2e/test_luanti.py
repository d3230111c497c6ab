"""A real game: three layers out of S3 become a server that answers a real handshake."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from tests.services.layers import write_layer
from tests.services.stack import Stack
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(300)]

HELLO = bytes.fromhex("4f457403000000" + "03ffdc01")
"""Protocol id, peer 0, channel 0, reliable, sequence number 65500, original: how a client begins."""


def handshake(port: int) -> bytes:
    """What the server answers to a client's first packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(HELLO, ("127.0.0.1", port))
        return client.recvfrom(64)[0]


def data_of(instance_id: str) -> Path:
    """The instance's directory as its server sees it, through the mount namespace of its process."""
    inspect = ["docker", "inspect", "--format", "{{.State.Pid}}", f"hytopus-{instance_id}"]
    done = subprocess.run(inspect, check=True, capture_output=True, text=True, timeout=60)
    return Path("/proc") / done.stdout.strip() / "root" / "data"


def test_three_layers_become_a_running_server(luanti: Stack, tmp_path: Path) -> None:
    override = write_layer(
        tmp_path / "event-night",
        {"world/worldmods/greeter/init.lua": "-- event night, seed ${SEED}\n"},
        'type = "custom"\nremove = ["world/worldmods/farewell"]\n',
    )
    greeter = write_layer(
        tmp_path / "greeting-mode",
        {
            "world/worldmods/greeter/init.lua": "-- every day\n",
            "world/worldmods/greeter/mod.conf": "name = greeter\n",
            "world/worldmods/farewell/init.lua": "-- goodbye\n",
            "world/worldmods/farewell/mod.conf": "name = farewell\n",
        },
        'type = "gamemode"\n',
    )
    for layer in (greeter, override):
        luanti.cli("template", "push", str(layer), f"{layer.name}@1")
    layers = ["luanti-base", "greeting-mode@1", "event-night@1"]
    name = f"l-{uuid4().hex[:8]}"
    luanti.post(
        "instances", {"name": name, "layers": layers, "variables": {"SERVER_NAME": "Octopus's Garden", "SEED": "42"}}
    )
    running = luanti.until(name, "running", timeout=120)
    port = running["ports"][0]["port"]
    assert handshake(port)[:4] == HELLO[:4]

    data = data_of(running["id"])
    mods = data / "world" / "worldmods"
    assert (mods / "greeter" / "init.lua").read_text() == "-- event night, seed 42\n"
    assert (mods / "greeter" / "mod.conf").read_text() == "name = greeter\n"
    assert not list(mods.glob("farewell/*"))
    config = (data / "minetest.conf").read_text()
    assert f"port = {port}" in config
    assert "server_name = Octopus's Garden" in config
    assert not (data / "template.toml").exists()

    luanti.post(f"instances/{name}/stop")
    stopped = luanti.until(name, "stopped", timeout=60)
    assert stopped["exit"]["kind"] == "clean"
    own = luanti.directory / "node" / "instances" / running["id"]
    saved = {file.name for file in own.rglob("*") if file.is_file() and file.stat().st_size > 0}
    assert {"env_meta.txt", "map_meta.txt"} <= saved, f"the world was not saved: {saved}"

    luanti.delete(f"instances/{name}")
    luanti.until_gone(name)
    eventually_sync(lambda: not own.exists(), timeout=10, what="its files to be gone")
    with pytest.raises(OSError, match=r"refused|timed out"):
        _connected_handshake(port)


def test_two_servers_run_side_by_side(luanti: Stack) -> None:
    names = [f"l-{uuid4().hex[:8]}" for _ in range(2)]
    for name in names:
        luanti.post("instances", {"name": name, "layers": ["luanti-base"]})
    ports = [luanti.until(name, "running", timeout=120)["ports"][0]["port"] for name in names]
    assert len(set(ports)) == 2
    for port in ports:
        assert handshake(port)[:4] == HELLO[:4]


def _connected_handshake(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.connect(("127.0.0.1", port))
        client.send(HELLO)
        client.recv(64)
