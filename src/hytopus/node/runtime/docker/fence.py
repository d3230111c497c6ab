"""What a game server may call: rules in the packet filter of the machine, beside those of the engine.

    to the Brain's own ports                   only what the operator allows
    to this machine                            DNS, game ports, and what the operator allows
    to the Brain, and to a cloud's metadata    the same
    to all others                              whatever the network lets the machine

Answers to players are not touched: they belong to connections that came from outside. An address counts as it was
dialled, whatever the engine makes of it for a port that another container publishes.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from hytopus.errors import HytopusError
from hytopus.node.runtime.docker.addresses import Names, networks_of

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

    def as_dialled(self) -> Iterator[str]:
        """The ports of all networks, by the number that was called: the engine may have put another in its place."""
        for protocol in ("udp", "tcp"):
            yield f"-p {protocol} -m conntrack --ctorigdstport {self.ports}"


DNS: Final = Opening("53")


@dataclass(frozen=True, slots=True)
class Fence:
    """`put_up` as often as you like: what a restart of the engine or of a firewall has lost comes back."""

    first: int
    last: int
    """The game ports of this node, both ends included."""
    forbidden: Callable[[], Iterable[str]] = lambda: (METADATA,)
    """Addresses, networks or host names no server may call. May block."""
    closed: Callable[[], Iterable[int]] = tuple
    """TCP ports there that stay shut even where game ports would pass. May block."""
    allowed: Sequence[str] = ()
    """What servers may call all the same: as `forbidden`, each with `:port` behind it if only that is meant."""
    names: Names = field(default_factory=Names)

    async def put_up(self, network_id: str) -> None:
        """Around the servers on this network; nothing happens where its bridge is not. Raises `FenceRefused`."""
        await asyncio.to_thread(self._put_up, f"br-{network_id[:12]}")

    def _put_up(self, bridge: str) -> None:
        if not (_HERE / bridge).exists():
            return
        names = list(self.forbidden())
        forbidden = sorted({network for name in names for network in self.names.networks(name)})
        unknown = [name for name in names if not self.names.is_known(name)]
        if not unknown or not _stands(bridge):
            _run(["iptables-restore", "--wait", "--noflush"], self._rules(bridge, forbidden))
        for rule in _hooks(bridge):
            if not _succeeds(["iptables", "--wait", "-C", *rule]):
                _run(["iptables", "--wait", "-I", *rule])
        if unknown:
            raise FenceRefused(why=f"nobody knows the address of {', '.join(unknown)}; a fence that stood before stays")

    def _rules(self, bridge: str, forbidden: Sequence[str]) -> str:
        games = Opening(f"{self.first}:{self.last}")
        allowed = [opening for text in self.allowed for opening in openings_of(text)]
        closed = sorted({port for port in self.closed() if port})
        return rules(_tag(bridge), (DNS, games), forbidden, allowed=allowed, closed=closed)


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


def rules(
    tag: str,
    openings: Iterable[Opening],
    forbidden: Sequence[str],
    *,
    allowed: Iterable[Opening] = (),
    closed: Sequence[int] = (),
) -> str:
    """For `iptables-restore`: both chains anew, at once."""
    host, out = host_chain(tag), out_chain(tag)
    first = [_ANSWERS, *(words for opening in allowed for words in opening.words())]
    brains = [network for network in forbidden if network != METADATA]
    shut = [f"-p tcp {words} -j DROP" for network in brains for port in closed for words in _dialled(network, port)]
    here = [f"-p tcp --dport {port} -j DROP" for port in closed]
    passing = [f"{words} -j RETURN" for opening in openings for words in opening.words()]
    published = [f"{words} -j RETURN" for opening in openings for words in opening.as_dialled()]
    return "\n".join(
        [
            "*filter",
            f":{host} - [0:0]",
            f":{out} - [0:0]",
            *(f"-A {chain} {words} -j RETURN" for chain in (host, out) for words in first),
            *(f"-A {host} {words}" for words in (*here, *passing)),
            *(f"-A {out} {words}" for words in (*shut, *passing, *published)),
            f"-A {host} -j DROP",
            *(f"-A {out} {words} -j DROP" for network in forbidden for words in _dialled(network)),
            "COMMIT",
            "",
        ]
    )


def _dialled(network: str, port: int = 0) -> tuple[str, str]:
    """To that address, or to what the engine has put in its place."""
    to = f"--dport {port} " if port else ""
    from_ = f" --ctorigdstport {port}" if port else ""
    return f"{to}-d {network}", f"-m conntrack --ctorigdst {network}{from_}"


def _stands(bridge: str) -> bool:
    return _succeeds(["iptables", "--wait", "-S", out_chain(_tag(bridge))])


def openings_of(text: str) -> Iterator[Opening]:
    """`address`, `network` or `name`, with or without `:port`; none for a name that is not known."""
    name, _, port = text.partition(":")
    for network in networks_of(name):
        yield Opening(port, network)


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
