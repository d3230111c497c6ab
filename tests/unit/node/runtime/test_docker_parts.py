"""The parts of the Docker runtime that need no engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiodocker import DockerError

from hytopus.errors import HytopusError
from hytopus.node.runtime.base import (
    BindMount,
    ContainerFault,
    ContainerSpec,
    ImageMissing,
    NoSpaceLeft,
    OverlayMount,
    PortMapping,
    PortTaken,
    RuntimeUnavailable,
)
from hytopus.node.runtime.docker.config import container_config, tmpfs_options
from hytopus.node.runtime.docker.errors import game_of, typed
from hytopus.node.runtime.docker.logs import LONGEST_LINE, LineJoiner
from hytopus.node.runtime.docker.stats import read_cgroups
from hytopus.node.runtime.docker.volumes import overlay_options

SPEC = ContainerSpec(
    instance_id="i1",
    instance_name="lobby-1",
    generation=2,
    image="hytopus/luanti:5.6.1",
    command=["/server", "--port", "30000"],
    mount=BindMount("/data/i1"),
    workdir="/data",
    ports=[PortMapping(30000, 30000), PortMapping(8080, 80, "tcp")],
)

_PREFIX = "driver failed programming external connectivity on endpoint hytopus-i1 (abc): "


@pytest.mark.parametrize(
    ("text", "port", "protocol"),
    [
        (_PREFIX + "Bind for 0.0.0.0:30000 failed: port is already allocated", 30000, "udp"),
        (_PREFIX + "Bind for 0.0.0.0:8080 failed: port is already allocated", 8080, "tcp"),
        (
            _PREFIX + "Error starting userland proxy: listen udp4 0.0.0.0:30000: bind: address already in use",
            30000,
            "udp",
        ),
        ("failed to bind host port for 0.0.0.0:8080:172.18.0.2:80/tcp: address already in use", 8080, "tcp"),
        ("failed to bind host port 0.0.0.0:30000/udp: address already in use", 30000, "udp"),
        ("listen tcp [::]:8080: bind: address already in use", 8080, "tcp"),
    ],
)
def test_engines_of_all_ages_tell_which_port_is_taken(text: str, port: int, protocol: str) -> None:
    error = typed(DockerError(500, text), "start", "i1", SPEC.ports, SPEC.image)
    assert isinstance(error, PortTaken)
    assert (error.params["port"], error.params["protocol"]) == (port, protocol)


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (404, "No such image: hytopus/luanti:5.6.1", ImageMissing),
        (500, "mkdir /var/lib/docker/overlay2/x: no space left on device", NoSpaceLeft),
        (900, "Cannot connect to Docker Engine via unix://localhost", RuntimeUnavailable),
        (400, "invalid reference format", ContainerFault),
    ],
)
def test_what_the_engine_says_becomes_a_kind_of_error(status: int, text: str, kind: type[HytopusError]) -> None:
    assert type(typed(DockerError(status, text), "start", "i1", SPEC.ports, SPEC.image)) is kind


@pytest.mark.parametrize("image", ["hytopus/luanti:5.6.1", "luanti", "host:5000/a/luanti@sha256:00", "luanti:latest"])
def test_the_name_of_an_image_tells_the_game(image: str) -> None:
    assert game_of(image) == "luanti"


def test_the_command_replaces_the_images_own() -> None:
    config = container_config(SPEC, scope="n1", network="net", address="0.0.0.0")
    assert config["Entrypoint"] == ["/server", "--port", "30000"]
    assert "Cmd" not in config
    assert "Entrypoint" not in container_config(replace(SPEC, command=[]), scope="n1", network="net", address="")


def test_ports_are_published_as_mapped() -> None:
    config = container_config(SPEC, scope="n1", network="net", address="10.0.0.1")
    assert config["HostConfig"]["PortBindings"] == {
        "30000/udp": [{"HostIp": "10.0.0.1", "HostPort": "30000"}],
        "80/tcp": [{"HostIp": "10.0.0.1", "HostPort": "8080"}],
    }


def test_labels_of_ours_cannot_be_overridden() -> None:
    spec = replace(SPEC, labels={"hytopus.node": "somebody else", "team": "red"})
    labels = container_config(spec, scope="n1", network="net", address="")["Labels"]
    assert labels == {
        "hytopus.instance": "i1",
        "hytopus.generation": "2",
        "hytopus.attempt": "1",
        "hytopus.name": "lobby-1",
        "hytopus.node": "n1",
        "team": "red",
    }


def test_temporary_directories_are_strict_unless_asked() -> None:
    assert tmpfs_options("/tmp") == ("/tmp", "rw,nosuid,nodev,noexec,size=256m,mode=1777")
    assert tmpfs_options("/tmp:exec,size=1g") == ("/tmp", "rw,nosuid,nodev,size=1g,mode=1777,exec")


def test_an_overlay_has_the_top_layer_first() -> None:
    mount = OverlayMount(["/c/top", "/c/bottom"], "/i/upper", "/i/work")
    assert overlay_options(mount, "i1") == {
        "type": "overlay",
        "device": "overlay",
        "o": "lowerdir=/c/top:/c/bottom,upperdir=/i/upper,workdir=/i/work,metacopy=off,redirect_dir=off",
    }


def test_an_overlay_just_short_enough_is_taken() -> None:
    def mount(length: int) -> OverlayMount:
        rest = len("lowerdir=,upperdir=/u,workdir=/w,metacopy=off,redirect_dir=off")
        return OverlayMount(["/" + "x" * (length - rest - 1)], "/u", "/w")

    assert len(overlay_options(mount(4095), "i1")["o"]) == 4095
    with pytest.raises(ContainerFault, match="4095"):
        overlay_options(mount(4096), "i1")


def test_pieces_become_lines_again() -> None:
    lines = LineJoiner()
    assert list(lines.feed(1, _piece(1, "half "))) == []
    assert list(lines.feed(2, _piece(2, "error\n"))) == [(_at(2), "error")]
    assert list(lines.feed(1, _piece(3, "a line\r\n"))) == [(_at(1), "half a line")]
    assert list(lines.feed(1, _piece(4, "the end"))) == []
    assert list(lines.rest()) == [(_at(4), "the end")]
    assert list(lines.rest()) == []


def test_a_line_without_end_takes_no_more_memory_than_one_that_is_shown() -> None:
    lines = LineJoiner()
    for _ in range(100):
        assert list(lines.feed(1, _piece(1, "x" * 16_384))) == []
    ((_, text),) = lines.feed(1, _piece(1, "\n"))
    assert text == "x" * LONGEST_LINE


@pytest.mark.parametrize("place", ["docker/{}", "system.slice/docker-{}.scope"])
def test_usage_is_read_from_control_groups_of_both_versions(tmp_path: Path, place: str) -> None:
    v2 = tmp_path / "v2" / place.format("abc")
    v2.mkdir(parents=True)
    (v2 / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    (v2 / "memory.current").write_text("50000000\n")
    (v2 / "memory.stat").write_text("anon 1\ninactive_file 10000000\n")
    cpu, memory = tmp_path / "v1/cpuacct" / place.format("abc"), tmp_path / "v1/memory" / place.format("abc")
    cpu.mkdir(parents=True)
    memory.mkdir(parents=True)
    (cpu / "cpuacct.usage").write_text("1500000000\n")
    (memory / "memory.usage_in_bytes").write_text("50000000\n")
    (memory / "memory.stat").write_text("cache 1\ntotal_inactive_file 10000000\n")
    for root in ("v1", "v2"):
        sample = read_cgroups(tmp_path / root, ["abc", "gone"])["abc"]
        assert sample is not None
        assert (sample.cpu, sample.memory) == (1_500_000_000, 40_000_000)
        assert "gone" not in read_cgroups(tmp_path / root, ["gone"])


def _at(second: int) -> datetime:
    return datetime(2026, 11, 23, 10, 0, second, 123456, tzinfo=UTC)


def _piece(second: int, text: str) -> bytes:
    return f"2026-11-23T10:00:{second:02}.123456789Z {text}".encode()
