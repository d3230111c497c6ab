"""A SeaweedFS for one run, on loopback ports of its own, and a presigned address for an object in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.services.seaweed import running_s3


@dataclass(frozen=True)
class Store:
    client: Any
    bucket: str

    def upload(self, file: Path) -> str:
        """Put the file and return a presigned URL for it."""
        self.client.upload_file(str(file), self.bucket, file.name)
        url: str = self.client.generate_presigned_url(
            "get_object", Params={"Bucket": self.bucket, "Key": file.name}, ExpiresIn=3600
        )
        return url


@contextmanager
def running_store(directory: Path) -> Iterator[Store]:
    with running_s3(directory) as server:
        yield Store(server.client(), server.bucket)
