"""What the engine says when something fails, turned into errors that name the cause. The only place that reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

import aiohttp
from aiodocker import DockerError

from hytopus.errors import HytopusError
from hytopus.node.runtime.base import (
    ContainerFault,
    ImageMissing,
    NoSpaceLeft,
    PortMapping,
    PortTaken,
    RuntimeUnavailable,
)

_PORT_IN_USE: Final = re.compile(r"port is already allocated|address already in use", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?:\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]*\]):(\d+)(?:/(udp|tcp|sctp))?")
_LISTEN: Final = re.compile(r"listen (udp|tcp)")
_NO_IMAGE: Final = re.compile(r"no such image|image .* not found|unable to find image", re.IGNORECASE)
_NO_SPACE: Final = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_NO_CONNECTION: Final = 900
"""The status aiodocker gives an error that never reached the engine."""


@contextmanager
def translated(verb: str, instance_id: str, ports: Sequence[PortMapping] = (), image: str = "") -> Iterator[None]:
    """Everything that leaves the block is a `HytopusError`."""
    try:
        yield
    except HytopusError:
        raise
    except DockerError as error:
        raise typed(error, verb, instance_id, ports, image) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unavailable(error) from error


def unavailable(error: BaseException) -> RuntimeUnavailable:
    if isinstance(error, TimeoutError):
        return RuntimeUnavailable(why="it did not answer in time")
    return RuntimeUnavailable(why=str(error) or type(error).__name__)


def typed(
    error: DockerError, verb: str, instance_id: str, ports: Sequence[PortMapping] = (), image: str = ""
) -> HytopusError:
    """The error behind an answer of the engine."""
    text = error.message
    if error.status == _NO_CONNECTION:
        return RuntimeUnavailable(why=text)
    if _NO_SPACE.search(text):
        return NoSpaceLeft(verb=f"{verb} the container of {instance_id}")
    if _PORT_IN_USE.search(text):
        return _port_taken(text, ports)
    if is_missing_image(error):
        return ImageMissing(image=image, game=game_of(image), why=text)
    return ContainerFault(verb=verb, instance=instance_id, why=text)


def is_missing(error: DockerError) -> bool:
    return error.status == HTTPStatus.NOT_FOUND


def is_conflict(error: DockerError) -> bool:
    return error.status == HTTPStatus.CONFLICT


def is_missing_image(error: DockerError) -> bool:
    return is_missing(error) and _NO_IMAGE.search(error.message) is not None


def is_missing_network(error: DockerError) -> bool:
    return is_missing(error) and "network" in error.message


def game_of(image: str) -> str:
    """The game an image is for, as far as its name tells: `hytopus/luanti:5.6.1` is `luanti`."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def _port_taken(text: str, ports: Sequence[PortMapping]) -> PortTaken:
    protocols = {port.host: port.protocol for port in ports}
    address = _ADDRESS.search(text)
    listen = _LISTEN.search(text)
    number = int(address[1]) if address else next(iter(protocols), 0)
    protocol = (address and address[2]) or (listen and listen[1]) or protocols.get(number, "udp")
    return PortTaken(port=number, protocol=protocol)
