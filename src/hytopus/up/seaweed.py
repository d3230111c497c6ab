"""The S3 server Hytopus brings along: SeaweedFS in one process, on loopback, with one pair of keys."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from hytopus.errors import HytopusError
from hytopus.kit.files import replace_file

HOST: Final = "127.0.0.1"
REGION: Final = "us-east-1"
BUCKET: Final = "hytopus"
_ADMIN_GRPC_OFFSET: Final = 10_000
"""SeaweedFS's maintenance worker looks for the admin server's gRPC port here, whatever `-admin.port.grpc` says."""


class SeaweedMissing(HytopusError):
    code: ClassVar[str] = "seaweedfs_missing"
    template: ClassVar[str] = "The S3 server's program `weed` is not installed in {where}."
    remedy: ClassVar[str] = (
        "Install it with `pip install 'hytopus[up]'`, or point `hytopus up --s3-url` at an S3 of your own."
    )


@dataclass(frozen=True, slots=True)
class Ports:
    """SeaweedFS is several servers in one process, and every one of them listens."""

    s3: int
    s3_grpc: int
    master: int
    master_grpc: int
    volume: int
    volume_grpc: int
    filer: int
    filer_grpc: int
    filer_public: int
    admin: int

    @classmethod
    def starting_at(cls, base: int) -> Ports:
        """Ten ports in a row, S3 first; the eleventh is `admin_grpc`."""
        return cls(*range(base, base + 10))

    @property
    def admin_grpc(self) -> int:
        return self.admin + _ADMIN_GRPC_OFFSET

    def all(self) -> tuple[int, ...]:
        """Every port that must be free."""
        named = (getattr(self, name) for name in self.__slots__)
        return (*named, self.admin_grpc)


@dataclass(frozen=True, slots=True)
class Keys:
    """The one identity that may use the S3 server."""

    access_key: str
    secret_key: str

    @classmethod
    def generate(cls) -> Keys:
        return cls(secrets.token_hex(10), secrets.token_hex(20))


def weed_program() -> Path:
    """Where `weed` is: beside the running Python."""
    program = Path(sys.executable).parent / "weed"
    if not program.is_file():
        raise SeaweedMissing(where=program.parent)
    return program


def keys_in(directory: Path) -> Keys:
    """The keys kept in a directory, made up the first time; the file is for its owner alone.

    An S3 server without keys would let everybody in, so there is no way to run it without.
    """
    file = directory / "s3.json"
    if not file.exists():
        replace_file(file, json.dumps(_config(Keys.generate()), indent=2).encode())
    credentials = json.loads(file.read_text())["identities"][0]["credentials"][0]
    return Keys(credentials["accessKey"], credentials["secretKey"])


def command(program: Path, directory: Path, ports: Ports) -> list[str]:
    """The command line that serves `directory`, in which `keys_in` has left the keys."""
    data = directory / "data"
    return [
        str(program),
        "-logtostderr=true",
        "mini",
        f"-dir={data}",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.autoCreateBucket=false",
        "-s3.allowedOrigins=*",  # browsers upload to signed addresses, which are worth the same without a browser
        f"-bucket={BUCKET}",
        f"-s3.config={directory / 's3.json'}",
        *_port_options(ports),
    ]


def prepare(directory: Path) -> Keys:
    """Make the directories and the keys; safe to repeat."""
    (directory / "data").mkdir(parents=True, exist_ok=True, mode=0o700)
    return keys_in(directory)


def _port_options(ports: Ports) -> Iterable[str]:
    yield f"-s3.port={ports.s3}"
    yield f"-s3.port.grpc={ports.s3_grpc}"
    yield "-s3.port.iceberg=0"
    yield "-s3.port.lance=0"
    yield f"-master.port={ports.master}"
    yield f"-master.port.grpc={ports.master_grpc}"
    yield f"-volume.port={ports.volume}"
    yield f"-volume.port.public={ports.volume}"
    yield f"-volume.port.grpc={ports.volume_grpc}"
    yield f"-filer.port={ports.filer}"
    yield f"-filer.port.grpc={ports.filer_grpc}"
    yield f"-filer.port.public={ports.filer_public}"
    yield f"-admin.port={ports.admin}"


def _config(keys: Keys) -> dict[str, object]:
    credentials = [{"accessKey": keys.access_key, "secretKey": keys.secret_key}]
    return {
        "identities": [
            {"name": "hytopus", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        ]
    }
