"""Where the object store is: one URL, and the keys beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, Field, SecretStr

from hytopus.storage.errors import BadS3Url


class StorageSettings(BaseModel):
    """Settings of the object store."""

    url: str = "s3://hytopus?endpoint=http://127.0.0.1:8333&region=us-east-1&path_style=1"
    """`s3://bucket/prefix?endpoint=…&region=…&path_style=1`; without an endpoint, Amazon's own."""
    access_key: SecretStr | None = None
    """Without keys, those of the environment or the machine's role are used."""
    secret_key: SecretStr | None = None
    """Belongs to the access key."""
    public_endpoint: str | None = None
    """Where nodes and operators reach the same store, if that is not the endpoint the Brain uses."""
    create_bucket: bool = True
    """Make the bucket at start if it is missing."""
    connect_timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds."""
    read_timeout: Annotated[float, Field(gt=0, le=600)] = 60.0
    """Seconds without a byte."""


@dataclass(frozen=True, slots=True)
class Location:
    """The URL, taken apart."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str
    path_style: bool


def parse_url(url: str) -> Location:
    """Raises `BadS3Url` that says what is wrong."""
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.hostname:
        raise BadS3Url(url=url, why="it does not begin with s3://bucket")
    options = parse_qs(parts.query, keep_blank_values=True)
    unknown = options.keys() - {"endpoint", "region", "path_style"}
    if unknown:
        raise BadS3Url(url=url, why=f"the option {sorted(unknown)[0]!r} is unknown")
    endpoint = options.get("endpoint", [None])[-1]
    if endpoint is not None and urlsplit(endpoint).scheme not in ("http", "https"):
        raise BadS3Url(url=url, why="the endpoint is not an http:// or https:// address")
    prefix = parts.path.strip("/")
    return Location(
        bucket=parts.netloc,
        prefix=f"{prefix}/" if prefix else "",
        endpoint=endpoint.rstrip("/") if endpoint else None,
        region=options.get("region", ["us-east-1"])[-1],
        path_style=options.get("path_style", ["1" if endpoint else "0"])[-1].lower() in ("1", "true", "yes"),
    )
