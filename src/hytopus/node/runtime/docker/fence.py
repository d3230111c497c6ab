"""What a game server may call: rules in the packet filter of the machine, beside those of the engine.

    to this machine                            DNS, game ports, and what the operator allows
    to the Brain, and to a cloud's metadata    the same
    to all others                              whatever the network lets the machine

Answers to players are not touched: they belong to connections that came from outside.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import ClassVar, Final

from hytopus.errors import HytopusError

METADATA: Final = "169.254.0.0/16"
"""Where clouds tell their machines who they are, credentials included."""

_SECONDS: Final = 10.0
_ANSWERS: Final = "-m conntrack --ctstate ESTABLISHED,RELATED"
_HERE: Final = Path("/sys/class/net")


class FenceRefused(HytopusError):
    code: ClassVar[str] = "fence_refused"
    template: ClassVar[str] = "Game servers cannot be kept from this machine and the Brain: {why}."
    remedy: ClassVar[str] = (
        "Run the agent as root on the engine's own machine, with iptables; or set docker.fence to false and shut them "
        "off yourself (docs/guide/security.md)."
    )


@dataclass(frozen=True, slots=True)
class Opening:
    """What may be called: a port or a range `first:last`, of one network or of all; empty means every one."""

    ports: str = ""
    network: str = ""

    def words(self) -> Iterator[str]:
        """As iptables wants it, once for each protocol."""
        where = f"-d {self.network}" if self.network else ""
        if not self.ports:
            yield where
            return
        for protocol in ("udp", "tcp"):
            yield f"{where} -p {protocol} --dport {self.ports}".strip()


DNS: Final = Opening("53")


@dataclass(frozen=True, slots=True)
class Fence:
    """`put_up` as often as you like: what a restart of the engine or of a firewall has lost comes back."""

    first: int
    last: int
    """The game ports of this node, both ends included."""
    forbidden: Callable[[], Iterable[str]] = lambda: (METADATA,)
    """Addresses, networks or host names no server may call. May block."""
    allowed: Sequence[str] = ()
    """What servers may call all the same: as above, each with `:port` behind it if only that is meant."""

    async def put_up(self, network_id: str) -> None:
        """Around the servers on this network; nothing happens where its bridge is not. Raises `FenceRefused`."""
        await asyncio.to_thread(self._put_up, f"br-{network_id[:12]}")

    def _put_up(self, bridge: str) -> None:
        if not (_HERE / bridge).exists():
            return
        games = Opening(f"{self.first}:{self.last}")
        allowed = [opening for text in self.allowed for opening in openings_of(text)]
        forbidden = sorted({network for name in self.forbidden() for network in networks_of(name)})
        text = rules(_tag(bridge), (DNS, games, *allowed), forbidden)
        _run(["iptables-restore", "--wait", "--noflush"], text)
        for rule in _hooks(bridge):
            if not _succeeds(["iptables", "--wait", "-C", *rule]):
                _run(["iptables", "--wait", "-I", *rule])


async def take_down(network_id: str) -> None:
    """The fence that an agent has put up there, if any."""
    await asyncio.to_thread(_take_down, f"br-{network_id[:12]}")


def _take_down(bridge: str) -> None:
    with suppress(FenceRefused):
        for rule in _hooks(bridge):
            if _succeeds(["iptables", "--wait", "-D", *rule]):
                _run(["iptables", "--wait", "-F", rule[-1]])
                _run(["iptables", "--wait", "-X", rule[-1]])


def _hooks(bridge: str) -> tuple[list[str], ...]:
    """What comes from the bridge goes through our chains first: to this machine, and through it."""
    tag = _tag(bridge)
    return ["INPUT", "-i", bridge, "-j", host_chain(tag)], ["DOCKER-USER", "-i", bridge, "-j", out_chain(tag)]


def _tag(bridge: str) -> str:
    return bridge.removeprefix("br-")


def host_chain(tag: str) -> str:
    return f"HYTOPUS-HOST-{tag}"


def out_chain(tag: str) -> str:
    return f"HYTOPUS-OUT-{tag}"


def rules(tag: str, openings: Iterable[Opening], forbidden: Iterable[str]) -> str:
    """For `iptables-restore`: both chains anew, at once."""
    host, out = host_chain(tag), out_chain(tag)
    passing = [_ANSWERS, *(words for opening in openings for words in opening.words())]
    return "\n".join(
        [
            "*filter",
            f":{host} - [0:0]",
            f":{out} - [0:0]",
            *(f"-A {chain} {words} -j RETURN" for chain in (host, out) for words in passing),
            f"-A {host} -j DROP",
            *(f"-A {out} -d {network} -j DROP" for network in forbidden),
            "COMMIT",
            "",
        ]
    )


def openings_of(text: str) -> Iterator[Opening]:
    """`address`, `network` or `name`, with or without `:port`; none for a name that is not known."""
    name, _, port = text.partition(":")
    for network in networks_of(name):
        yield Opening(port, network)


def networks_of(name: str) -> Iterator[str]:
    """IPv4 only, as the bridge. Names are looked up; the loopback is left out, for no container gets there."""
    try:
        found = [ip_network(name, strict=False)]
    except ValueError:
        found = [ip_network(address) for address in _looked_up(name)]
    yield from (str(network) for network in found if network.version == 4 and not network.is_loopback)


def _looked_up(name: str) -> list[str]:
    try:
        answers = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(answer[4][0]) for answer in answers]


def _run(command: list[str], text: str = "") -> None:
    done = _called(command, text)
    if done.returncode != 0:
        raise FenceRefused(why=f"`{command[0]}` says: {done.stderr.strip() or done.returncode}")


def _succeeds(command: list[str]) -> bool:
    return _called(command, "").returncode == 0


def _called(command: list[str], text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=_SECONDS)  # noqa: S603 - ours
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FenceRefused(why=str(error)) from error
