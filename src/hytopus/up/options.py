"""What `hytopus up` was asked for, and what follows from it: directories, ports, addresses."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hytopus.brain.settings import HttpSettings
from hytopus.up.seaweed import Ports

LOOPBACK: Final = "127.0.0.1"
_S3_OFFSET: Final = 10


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Everything on one machine. Nothing here is read from the environment."""

    data_dir: Path
    port: int = 8420
    """The API's; sessions, joining, node metrics and S3 follow on the next ones."""
    bind: str = LOOPBACK
    """Address of the API and of the ports nodes use."""
    s3_url: str | None = None
    s3_access_key: str | None = None
    s3_secret_key: str | None = None
    database_url: str = ""
    node_name: str | None = None
    region: str = ""
    address: str | None = None
    game_ports: tuple[int, int] = (30_000, 30_499)
    verbose: bool = False

    @property
    def url(self) -> str:
        """Where this machine reaches the API."""
        host = LOOPBACK if self.bind in ("0.0.0.0", "::") else self.bind  # noqa: S104 - read, not bound
        return f"{'https' if self.secure else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def secure(self) -> bool:
        """Whether the API is HTTPS: everywhere but on a loopback address."""
        return HttpSettings(listen=f"{self.bind}:{self.port}").secure

    @property
    def authority(self) -> Path:
        """The certificate of the Brain's own authority, once it has started."""
        return self.data_dir / "brain" / "ca" / "ca.pem"

    @property
    def sessions_port(self) -> int:
        return self.port + 1

    @property
    def join_port(self) -> int:
        return self.port + 2

    @property
    def metrics_port(self) -> int:
        return self.port + 3

    @property
    def s3_ports(self) -> Ports:
        return Ports.starting_at(self.port + _S3_OFFSET)

    @property
    def own_s3(self) -> bool:
        return self.s3_url is None

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"

    @property
    def run(self) -> Path:
        return self.data_dir / "run"

    def ports(self) -> tuple[int, ...]:
        """Every TCP port that must be free."""
        ours = (self.port, self.sessions_port, self.join_port, self.metrics_port)
        return (*ours, *self.s3_ports.all()) if self.own_s3 else ours

    def chosen_name(self) -> str:
        """The node's name: as asked for, or the machine's as far as it can be one."""
        name = self.node_name or re.sub(r"[^a-z0-9_-]+", "-", socket.gethostname().partition(".")[0].lower())
        return name.strip("-_")[:64] or "node"

    def chosen_address(self) -> str:
        """Where players reach this machine: as asked for, or the address it would use to reach others."""
        return self.address or outward_address()


def outward_address() -> str:
    """This machine's address on the network it talks to others over. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address reserved for documentation
            return str(probe.getsockname()[0])
        except OSError:
            return LOOPBACK
