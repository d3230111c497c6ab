"""The instance's directory as an overlay that the engine mounts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aiodocker import Docker

from hytopus.node.runtime.base import ContainerFault, OverlayMount
from hytopus.node.runtime.docker.client import call
from hytopus.node.runtime.docker.names import name_of
from tests.integration.docker.conftest import DockerBench
from tests.unit.node.runtime.contract import boot, ended

pytestmark = pytest.mark.docker


async def test_the_top_layer_wins_and_the_layers_stay_as_they_are(bench: DockerBench) -> None:
    top, bottom = {"config.json": '{\n  "ServerName": "top"\n}\n'}, {"config.json": "{}", "only-below": "yes"}
    spec = bench.overlay(bench.spec(environment={"STANDIN_REWRITE": "1"}), top, bottom)
    assert isinstance(spec.mount, OverlayMount)
    await boot(bench, spec)
    await bench.runtime.send_line(spec.instance_id, "stop")
    await ended(bench.runtime, spec.instance_id)
    upper = spec.mount.upper
    assert '"ServerName": "top"' in read(upper, "config.json")
    assert "RewrittenAtRunTime" in read(upper, "config.json")
    assert read(spec.mount.lower[0], "config.json") == top["config.json"]
    assert exists(upper, "universe/worlds/default/world.json")
    assert not exists(upper, "only-below")


async def test_removing_takes_the_volume_and_leaves_the_files(bench: DockerBench, engine: Docker) -> None:
    spec = bench.overlay(bench.spec(), {"config.json": "{}"})
    await boot(bench, spec)
    assert await _volumes(engine, spec.instance_id) == [name_of(spec.instance_id)]
    await bench.runtime.remove(spec.instance_id)
    assert await _volumes(engine, spec.instance_id) == []
    assert isinstance(spec.mount, OverlayMount)
    assert exists(spec.mount.upper)
    assert spec.instance_id not in read("/proc", "mounts")


async def test_a_forgotten_volume_does_not_bring_old_layers_back(bench: DockerBench, engine: Docker) -> None:
    spec = bench.overlay(bench.spec(), {"config.json": "{}"})
    stale = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    body = {"Name": name_of(spec.instance_id), "Driver": "local", "DriverOpts": stale}
    await call(engine, "POST", "volumes/create", body=body)
    await boot(bench, spec)
    await bench.runtime.send_line(spec.instance_id, "stop")
    await ended(bench.runtime, spec.instance_id)
    assert isinstance(spec.mount, OverlayMount)
    assert exists(spec.mount.upper, "universe")


async def test_a_second_life_sees_what_the_first_left(bench: DockerBench) -> None:
    spec = bench.overlay(bench.spec(), {"config.json": "{}"})
    await boot(bench, spec)
    await bench.runtime.send_line(spec.instance_id, "fake join Ann")
    await bench.runtime.send_line(spec.instance_id, "stop")
    await ended(bench.runtime, spec.instance_id)
    script = "busybox cat universe/worlds/default/world.json"
    second = replace(spec, generation=2, command=["/bin/busybox", "sh", "-c", script])
    await bench.runtime.start(second)
    await ended(bench.runtime, spec.instance_id)
    (line,) = [text async for _, text in bench.runtime.logs(spec.instance_id)]
    assert '"Players": "Ann"' in line


async def test_more_layers_than_the_kernel_takes_are_refused(bench: DockerBench, engine: Docker) -> None:
    spec = bench.overlay(bench.spec(), {})
    assert isinstance(spec.mount, OverlayMount)
    many = replace(spec.mount, lower=[f"/var/lib/hytopus/cache/layer-{number:04}" for number in range(150)])
    with pytest.raises(ContainerFault, match="150 layers"):
        await bench.runtime.start(replace(spec, mount=many))
    with pytest.raises(ContainerFault, match="special character"):
        await bench.runtime.start(replace(spec, mount=replace(spec.mount, lower=["/a:b"])))
    assert await bench.runtime.inspect(spec.instance_id) is None
    assert await _volumes(engine, spec.instance_id) == []


async def test_a_directory_that_is_not_there_leaves_nothing(bench: DockerBench, engine: Docker) -> None:
    spec = bench.overlay(bench.spec(), {})
    assert isinstance(spec.mount, OverlayMount)
    broken = replace(spec, mount=replace(spec.mount, lower=["/no/such/layer"]))
    with pytest.raises(ContainerFault, match="no such file"):
        await bench.runtime.start(broken)
    assert await bench.runtime.inspect(spec.instance_id) is None
    assert await _volumes(engine, spec.instance_id) == []
    await boot(bench, spec)


def exists(*parts: str) -> bool:
    return Path(*parts).exists()


def read(*parts: str) -> str:
    return Path(*parts).read_text()


async def _volumes(engine: Docker, instance_id: str) -> list[str]:
    found = await call(engine, "GET", "volumes")
    return [volume["Name"] for volume in found["Volumes"] or [] if instance_id in volume["Name"]]
