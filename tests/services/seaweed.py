"""A real S3 server for the tests: SeaweedFS on ports of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from hytopus.up import seaweed
from tests.services.ports import free_port, free_ports
from tests.services.waiting import eventually_sync


@dataclass(frozen=True, slots=True)
class S3:
    """An S3 server, its keys, and a bucket that exists."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    region: str = seaweed.REGION

    def client(self) -> Any:
        """A plain boto3 client, for looking at the store behind Hytopus's back."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=30),
        )


class S3Server:
    """A SeaweedFS of the tests' own that can be killed and brought back on the same ports and data."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports = free_seaweed_ports()
        keys = seaweed.prepare(directory)
        self.s3 = S3(f"http://{seaweed.HOST}:{self.ports.s3}", keys.access_key, keys.secret_key, seaweed.BUCKET)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when a real PUT succeeds."""
        with (self.directory / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                seaweed.command(seaweed.weed_program(), self.directory, self.ports),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        eventually_sync(self._takes_a_put, timeout=45, every=0.1, what=f"SeaweedFS, see {self.directory}/weed.log")

    def kill(self) -> None:
        """End it the hard way, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._remove_sockets()

    def _remove_sockets(self) -> None:
        """SeaweedFS puts Unix sockets into /tmp, named after its ports, and leaves some behind."""
        for port in self.ports.all():
            for file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                file.unlink(missing_ok=True)

    def _takes_a_put(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "weed.log").read_text()[-2000:]
        client = self.s3.client()
        try:
            client.put_object(Bucket=self.s3.bucket, Key="ready", Body=b"yes")
        except (BotoCoreError, ClientError):
            return False
        finally:
            client.close()
        return True


def free_seaweed_ports() -> seaweed.Ports:
    return seaweed.Ports(*[*free_ports(9), free_port(beside=10_000)])


@contextmanager
def running_s3(directory: Path) -> Iterator[S3]:
    server = S3Server(directory)
    try:
        server.start()
        yield server.s3
    finally:
        server.kill()
