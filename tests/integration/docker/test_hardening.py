"""What a container may not do: looked at from inside, and as the engine reports it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiodocker import Docker

from hytopus.node.runtime.docker.client import call
from hytopus.node.runtime.docker.names import name_of
from tests.integration.docker.conftest import DockerBench
from tests.unit.node.runtime.contract import boot, ended

pytestmark = pytest.mark.docker


async def inside(bench: DockerBench, script: str, **changes: object) -> list[str]:
    """What a shell script prints that runs in place of the game."""
    spec = replace(bench.spec(), command=["/bin/busybox", "sh", "-c", script], **changes)  # type: ignore[arg-type]
    await bench.runtime.start(spec)
    await ended(bench.runtime, spec.instance_id)
    return [line async for _, line in bench.runtime.logs(spec.instance_id)]


async def test_the_process_is_nobody_special(bench: DockerBench) -> None:
    lines = await inside(bench, "busybox id -u; busybox id -g; busybox grep -E 'Cap|NoNewPrivs' /proc/self/status")
    status = dict(line.split(":\t") for line in lines[2:])
    assert lines[:2] == ["1000", "1000"]
    assert {status[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {""}
    assert status["NoNewPrivs"] == "1"


async def test_only_its_directory_can_be_written(bench: DockerBench) -> None:
    lines = await inside(bench, "for d in / /usr /bin /etc /data; do (: > $d/probe) 2> /dev/null && echo $d; done")
    assert lines == ["/data"]


async def test_a_root_that_may_be_written_is_asked_for(bench: DockerBench) -> None:
    lines = await inside(bench, ": > /probe && echo written", read_only_root=False, user="0:0")
    assert lines == ["written"]


async def test_a_temporary_directory_runs_programs_only_where_the_game_says_so(bench: DockerBench) -> None:
    script = "for d in /tmp /run; do busybox cp /bin/busybox $d/true; $d/true 2> /dev/null && echo $d; done"
    assert await inside(bench, script, tmpfs=["/tmp:exec,size=16m", "/run:size=16m"]) == ["/tmp"]


async def test_the_kernel_takes_the_games_settings(bench: DockerBench) -> None:
    sysctls = {"net.ipv6.conf.lo.disable_ipv6": "0"}
    lines = await inside(bench, "busybox ip -6 -o address show lo", sysctls=sysctls)
    assert any("::1/128" in line for line in lines)


async def test_an_empty_variable_is_no_variable(bench: DockerBench) -> None:
    environment = {"EMPTY": "", "FULL": "yes"}
    assert await inside(bench, "echo ${EMPTY-unset} ${FULL-unset}", environment=environment) == ["unset yes"]


async def test_the_number_of_processes_is_limited(bench: DockerBench) -> None:
    script = "for i in $(busybox seq 40); do busybox sleep 5 & done 2> /dev/null; echo not reached"
    spec = replace(bench.spec(), command=["/bin/busybox", "sh", "-c", script], pids=16)
    await bench.runtime.start(spec)
    state = await ended(bench.runtime, spec.instance_id)
    assert state.exit_code != 0


async def test_the_engine_holds_every_limit(bench: DockerBench, engine: Docker) -> None:
    spec = replace(bench.spec(ports=[bench.free_port()]), memory_mb=48, cpus=0.5, pids=20)
    await boot(bench, spec)
    found = await call(engine, "GET", f"containers/{name_of(spec.instance_id)}/json")
    host = found["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (48 * 1024 * 1024, 48 * 1024 * 1024)
    assert (host["NanoCpus"], host["PidsLimit"]) == (500_000_000, 20)
    assert (host["CapDrop"], host["SecurityOpt"], host["Privileged"]) == (["ALL"], ["no-new-privileges"], False)
    assert host["ReadonlyRootfs"] is True
    assert host["RestartPolicy"]["Name"] in {"no", ""}
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert {limit["Name"] for limit in host["Ulimits"]} == {"nofile", "core"}
    assert found["Config"]["Labels"]["hytopus.instance"] == spec.instance_id
    assert found["Config"]["Labels"]["hytopus.node"] == bench.scope


async def test_instances_do_not_reach_each_other(bench: DockerBench, engine: Docker) -> None:
    listener = replace(bench.spec(), command=["/bin/busybox", "nc", "-l", "-p", "7000"])
    await bench.runtime.start(listener)
    found = await call(engine, "GET", f"containers/{name_of(listener.instance_id)}/json")
    networks = found["NetworkSettings"]["Networks"]
    address = networks["hytopus"]["IPAddress"]
    script = f"busybox nc -w 1 {address} 7000 < /dev/null 2>&1 && echo reached || echo walled off"
    assert await inside(bench, script) == ["nc: timed out", "walled off"]


async def test_a_process_that_takes_too_much_memory_is_named(bench: DockerBench, engine: Docker) -> None:
    spec = replace(bench.spec(environment={"STANDIN_HOG_MB": "200"}), memory_mb=32)
    await bench.runtime.start(spec)
    assert (await ended(bench.runtime, spec.instance_id)).exit_code == 137
    state = await bench.runtime.inspect(spec.instance_id)
    found = await call(engine, "GET", f"containers/{name_of(spec.instance_id)}/json")
    # Old engines miss the kernel's notice now and then (control groups of version 1): we say what the engine says.
    assert state is not None
    assert state.oom_killed == found["State"]["OOMKilled"]
