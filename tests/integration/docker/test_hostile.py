"""A game server that tries to get out: what it looks for is not there, or does not answer."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest
from aiodocker import Docker

from hytopus.node.runtime.docker.client import call
from hytopus.node.runtime.docker.names import name_of
from tests.integration.docker.conftest import DockerBench
from tests.integration.docker.test_hardening import inside
from tests.unit.node.runtime.contract import boot

pytestmark = pytest.mark.docker


async def test_there_is_no_engine_no_device_and_no_neighbour_to_be_found(bench: DockerBench) -> None:
    secret = bench.folder("neighbour") / "secret.txt"
    secret.write_text("of another instance")
    script = """
    for path in /var/run/docker.sock /run/docker.sock /run/containerd /dev/sda /dev/vda /dev/mem /dev/kmsg; do
        [ -e $path ] && echo found $path
    done
    busybox find / -xdev -name secret.txt 2> /dev/null
    busybox cat /proc/1/environ 2> /dev/null | busybox tr '\\0' '\\n' |
        busybox grep -iE '^[^=]*(DOCKER|S3|KEY|HYTOPUS_NODE)'
    busybox mount -t tmpfs none /mnt 2> /dev/null && echo mounted
    busybox chroot / true 2> /dev/null && echo changed root
    busybox mknod /data/disk b 8 0 2> /dev/null && echo made a device
    echo end
    """
    assert await inside(bench, script) == ["end"]


async def test_what_it_writes_as_a_link_leads_nowhere_outside(bench: DockerBench) -> None:
    script = (
        "busybox ln -s /etc/shadow /data/link; busybox cat /data/link 2>/dev/null | busybox grep -c ':[$]'; echo end"
    )
    assert await inside(bench, script) == ["0", "end"]


async def test_what_listens_on_the_loopback_of_the_machine_is_out_of_reach(bench: DockerBench, engine: Docker) -> None:
    """The agent's metrics and, with `hytopus up`, Brain and S3: they listen on 127.0.0.1 of the host."""
    network = await _gateway_of(bench, engine)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        hosts = f"127.0.0.1 {network}"
        script = f"for h in {hosts}; do busybox nc -w 2 $h {port} < /dev/null 2> /dev/null && echo $h; done; echo end"
        assert await inside(bench, script) == ["end"]


async def test_one_instance_does_not_reach_another(bench: DockerBench, engine: Docker) -> None:
    """Not by its private address: the bridge lets nothing pass between containers."""
    victim = bench.spec()
    await boot(bench, victim)
    found = await call(engine, "GET", f"containers/{name_of(victim.instance_id)}/json")
    (attached,) = found["NetworkSettings"]["Networks"].values()
    script = f"busybox ping -c 1 -W 2 {attached['IPAddress']} > /dev/null 2>&1 && echo reached; echo end"
    assert await inside(bench, script) == ["end"]
    networks = await call(engine, "GET", f"networks/{attached['NetworkID']}")
    assert networks["Options"]["com.docker.network.bridge.enable_icc"] == "false"


async def _gateway_of(bench: DockerBench, engine: Docker) -> str:
    """The machine's own address on the bridge."""
    spec = bench.spec()
    await boot(bench, spec)
    found = await call(engine, "GET", f"containers/{name_of(spec.instance_id)}/json")
    (attached,) = found["NetworkSettings"]["Networks"].values()
    return str(attached["Gateway"])
