"""The walls around a game server, on the engine that runs it: what it may not do, not reach, and not make others do."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import pytest

from tests.e2e.servers import NEVER, container, docker
from tests.services.seaweed import S3
from tests.services.stack import Stack
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def servers(stack: Stack, brisk: str) -> Iterator[tuple[str, str]]:
    """Two that run, by name: a hostile one and its neighbour."""
    names = (f"w-{uuid4().hex[:8]}", f"w-{uuid4().hex[:8]}")
    for name in names:
        stack.post("instances", {"name": name, "layers": [brisk], "restart_policy": NEVER})
    for name in names:
        stack.until(name, "running")
    yield names
    for name in names:
        stack.delete(f"instances/{name}")


def inside(stack: Stack, name: str, script: str) -> list[str]:
    """What a shell prints in its container."""
    return docker("exec", container(stack, name), "/bin/busybox", "sh", "-c", script).splitlines()


def test_the_engine_holds_every_wall(stack: Stack, servers: tuple[str, str]) -> None:
    (found,) = json.loads(docker("inspect", container(stack, servers[0])))
    host: dict[str, Any] = found["HostConfig"]
    assert found["Config"]["User"] == "1000:1000"
    assert (host["CapDrop"], host["CapAdd"], host["Privileged"]) == (["ALL"], None, False)
    assert (host["SecurityOpt"], host["ReadonlyRootfs"]) == (["no-new-privileges"], True)
    assert (host["PidsLimit"], host["Memory"], host["MemorySwap"]) == (64, 64 << 20, 64 << 20)
    assert {limit["Name"] for limit in host["Ulimits"]} == {"nofile", "core"}
    assert (host["PidMode"], host["IpcMode"], host["UTSMode"], host["UsernsMode"]) == ("", "private", "", "")
    assert host["Binds"] is None
    assert not host["Devices"]
    assert [mount["Target"] for mount in host["Mounts"]] == ["/data"]
    assert host["NetworkMode"] not in ("host", "default", "bridge")


def test_from_inside_it_is_nobody_and_sees_nobody(stack: Stack, servers: tuple[str, str]) -> None:
    """Nobody but itself, and for a moment `runc init`: how the engine begins whatever is run in there."""
    hostile, neighbour = servers
    status = inside(stack, hostile, "busybox id -u; busybox grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/1/status")
    assert status[0] == "1000"
    assert {line.split()[1].strip("0") for line in status[1:]} == {"", "1"}
    written = "for d in / /etc /usr/local/bin /data; do (: > $d/probe) 2> /dev/null && echo $d; done"
    assert inside(stack, hostile, written) == ["/data"]
    theirs = stack.instance(neighbour)["id"]
    sights = f"""
    for path in /var/run/docker.sock /run/docker.sock {stack.directory} /data/../instances; do
        [ -e $path ] && echo found $path
    done
    busybox ps | busybox grep -v -E 'PID|busybox|stand-in|runc init'
    busybox find / -xdev -name '*{theirs}*' 2> /dev/null
    """
    assert inside(stack, hostile, sights) == []


def test_nothing_of_hytopus_answers_a_server(stack: Stack, servers: tuple[str, str], s3: S3) -> None:
    """API, sessions of nodes and of other Brains, joining, metrics, S3: at whatever address of this machine."""
    metrics = int(stack.node.environment["HYTOPUS_NODE__METRICS__PORT"])
    ports = [*stack.brain_ports, metrics, urlsplit(s3.endpoint).port]
    machine = addresses()
    script = f"""
    for port in {" ".join(map(str, ports))}; do
        for host in {" ".join(sorted(machine))}; do
            (busybox nc -w 1 $host $port < /dev/null > /dev/null 2>&1 && echo $host:$port) &
        done
        wait
    done
    echo end
    """
    *answered, end = inside(stack, servers[0], script)
    left = machine - addresses()
    assert end == "end"
    assert [each for each in answered if each.split(":")[0] not in left] == []


def addresses() -> set[str]:
    """Of this machine. Those of other tests' bridges come and go, and when gone belong to anybody out there."""
    cards = psutil.net_if_addrs().values()
    return {each.address for card in cards for each in card if each.family is socket.AF_INET}


def test_what_it_prints_commands_no_terminal(stack: Stack, servers: tuple[str, str]) -> None:
    hostile = servers[0]
    nasty = "\x1b]0;owned\x07\x1b[2J\x1b[1;1H\x9b31mfriendly\u202e words"
    stack.post(f"instances/{hostile}/console", {"line": f"fake line {nasty}"})
    eventually_sync(lambda: "friendly" in json.dumps(stack.get(f"instances/{hostile}/logs")), what="the line")
    shown = [stack.cli("instance", "logs", hostile), stack.cli("instance", "logs", hostile, "--json")]
    stack.post(f"instances/{hostile}/console", {"line": "crash 3"})
    stack.until(hostile, "failed")
    crash = eventually_sync(lambda: stack.get("crashes", instance=hostile)["items"], timeout=20, what="the crash")[0]
    shown += [stack.cli("instance", "show", hostile), stack.cli("crash", "show", crash["id"])]
    shown += [stack.cli("crash", "show", crash["id"], "--json")]
    for text in shown:
        assert "friendly" in text
        assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e"}
