"""The bridge all instances are on, without a way from one to the other, and the check for ports in foreign hands."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Sequence
from typing import Final

from aiodocker import Docker, DockerError

from hytopus.node.runtime.base import PortMapping, PortTaken
from hytopus.node.runtime.docker.client import call
from hytopus.node.runtime.docker.errors import is_conflict

_KINDS: Final = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}


async def ensure_network(docker: Docker, name: str) -> str:
    """The id of our bridge network, made where it is missing.

    Containers on it reach the world and are reached through their published ports, but not through each other's
    private addresses. Two agents may make it at once; the engine allows two networks of one name, so everybody
    uses the one with the lowest id.
    """
    found = await _networks(docker, name)
    if found:
        return found[0]
    config = {
        "Name": name,
        "Driver": "bridge",
        "CheckDuplicate": True,
        "EnableIPv6": False,  # whatever the engine's own default is: the fence knows IPv4
        "Options": {"com.docker.network.bridge.enable_icc": "false"},
        "Labels": {"hytopus": "network"},
    }
    try:
        await call(docker, "POST", "networks/create", body=config)
    except DockerError as error:
        if not is_conflict(error):
            raise
    return (await _networks(docker, name))[0]


async def _networks(docker: Docker, name: str) -> list[str]:
    listed = await call(docker, "GET", "networks", params={"filters": json.dumps({"name": [name]})})
    return sorted(network["Id"] for network in listed if network["Name"] == name)


def check_ports(ports: Sequence[PortMapping], address: str) -> None:
    """Raise `PortTaken` for a port that some process already uses.

    The engine would find out too, but only after it has made everything else, and an old one leaves a container
    that can never be started.
    """
    for port in ports:
        with socket.socket(socket.AF_INET, _KINDS[port.protocol]) as probe:
            if port.protocol == "tcp":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT do not count
            try:
                probe.bind((address or "0.0.0.0", port.host))  # noqa: S104 - what the container will be given
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise PortTaken(port=port.host, protocol=port.protocol) from error
