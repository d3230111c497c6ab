"""From what people write to what the packet filter takes: names and addresses as networks."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network
from typing import Final

_MOST: Final = 64
"""Addresses that are remembered of one name."""


def networks_of(name: str) -> Iterator[str]:
    """IPv4 only, as the bridge. Names are looked up; the loopback is left out, for no container gets there."""
    try:
        found = [ip_network(name, strict=False)]
    except ValueError:
        found = [ip_network(address) for address in _looked_up(name)]
    yield from (str(network) for network in found if network.version == 4 and not network.is_loopback)


def _looked_up(name: str, family: socket.AddressFamily = socket.AF_INET) -> list[str]:
    try:
        answers = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(answer[4][0]) for answer in answers]


class Names:
    """The networks of names, with what was found before: a name server that is away must open nothing."""

    def __init__(self, look_up: Callable[[str], Iterable[str]] | None = None) -> None:
        self._look_up = look_up or networks_of
        self._found: dict[str, dict[str, None]] = {}

    def networks(self, name: str) -> tuple[str, ...]:
        found = self._found.setdefault(name, {})
        found.update(dict.fromkeys(self._look_up(name)))
        for oldest in list(found)[:-_MOST]:
            del found[oldest]
        return tuple(found)

    def is_known(self, name: str) -> bool:
        """Whether there is an address, or it needs none because it is this machine's own, or of IPv6."""
        return bool(self._found.get(name)) or _needs_none(name)


def _needs_none(name: str) -> bool:
    try:
        return bool(ip_network(name, strict=False))
    except ValueError:
        return bool(_looked_up(name, socket.AF_UNSPEC))
