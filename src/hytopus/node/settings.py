"""The node's settings: `HYTOPUS_NODE__…` in the environment over `/etc/hytopus/node.toml` over the defaults."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

DEFAULT_FILE = Path("/etc/hytopus/node.toml")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CapacitySettings(_Section):
    """What Hytopus may use of this machine. Empty: all of it but a reserve for the system."""

    cpus: Annotated[float, Field(gt=0)] | None = None
    """Processors. Empty: all but a quarter of one, times `cpu_overcommit`."""
    cpu_overcommit: Annotated[float, Field(ge=1, le=16)] = 2.0
    """How often a processor is handed out where `cpus` is empty: an instance's share is a ceiling it seldom reaches."""
    memory_mb: Annotated[int, Field(ge=64)] | None = None
    """Empty: all but a tenth, or but 512 MB if that is more."""
    disk_mb: Annotated[int, Field(ge=64)] | None = None
    """Empty: nine tenths of the file system that holds the data directory."""
    slots: Annotated[int, Field(ge=0, le=10_000)] = 50
    """How many instances at most."""


class PortSettings(_Section):
    """The game ports this node may hand out, both ends included."""

    first: Annotated[int, Field(ge=1, le=65535)] = 30_000
    """The first one."""
    last: Annotated[int, Field(ge=1, le=65535)] = 30_499
    """The last one."""

    @model_validator(mode="after")
    def _in_order(self) -> PortSettings:
        if self.last < self.first:
            raise ValueError("`last` is below `first`")
        return self


class DockerSettings(_Section):
    url: str | None = None
    """Empty: `DOCKER_HOST`, else the local socket."""
    network: str = "hytopus"
    """The bridge network of the game servers; made where it is missing."""
    bind_address: str = "0.0.0.0"  # noqa: S104 - players come from everywhere
    """The address game ports are published on."""
    pull_timeout: Annotated[float, Field(gt=0)] = 600
    """Seconds an image may take to be pulled."""
    patience: Annotated[float, Field(ge=0)] = 60
    """Seconds a start waits for an engine that does not answer."""
    fence: bool = True
    """Game servers may call nothing of this machine, of the Brain and of a cloud's metadata but DNS and game ports."""
    allowed: tuple[str, ...] = ()
    """What they may call there all the same: addresses, networks or names, `10.0.0.5:3306` for one port of it."""


class CacheSettings(_Section):
    parallel_prepares: Annotated[int, Field(ge=1, le=64)] = 4
    """Instances that are prepared at once, on the whole node."""
    max_layer_mb: Annotated[int, Field(ge=1)] = 50 * 1024
    """Unpacked; a larger template is refused."""
    max_layer_files: Annotated[int, Field(ge=1)] = 500_000
    """Files and folders of one template; one with more is refused."""
    max_mb: Annotated[int, Field(ge=0)] | None = None
    """Size of the cache above which the versions not used for longest are let go. Empty: half of the file system."""
    max_days: Annotated[float, Field(ge=0)] = 30
    """Versions that no instance has used for so long are let go; 0 keeps them. Never one that an instance uses."""


class MetricsSettings(_Section):
    enabled: bool = True
    """Serve `/metrics` for Prometheus, and `/healthz`."""
    host: str = "127.0.0.1"
    """The address they are served on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8423
    """0 takes a free one."""


class LogSettings(_Section):
    json_lines: bool = False
    """One JSON document per line instead of text."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Nothing below this is logged."""


class NodeSettings(BaseSettings):
    """Everything an operator can set on a node. Who the node is and where its Brain is comes from joining."""

    model_config = SettingsConfigDict(
        env_prefix="HYTOPUS_NODE__", env_nested_delimiter="__", extra="forbid", nested_model_default_partial_update=True
    )

    data_dir: Path = Path("/var/lib/hytopus/node")
    """Identity, journal, template cache and the instances' directories. Overlay and reflink need one file system."""
    region: str = ""
    """Instances may ask for a region."""
    tags: tuple[str, ...] = ()
    """Instances may ask for tags; a node must have all of them."""
    environment: str = ""
    """`dev`, `stage`, `prod`, or whatever the network calls its stages."""
    address: str = Field(default_factory=socket.getfqdn)
    """Where players reach this node: a host name or an IP address."""
    owner_uid: Annotated[int, Field(ge=0)] = 1000
    """As `owner_gid`: the user."""
    owner_gid: Annotated[int, Field(ge=0)] = 1000
    """Owner of the games' files: the user that games run as."""
    materialiser: Literal["overlay", "reflink", "copy"] | None = None
    """How directories are built; empty: the best way that works here."""
    capacity: CapacitySettings = CapacitySettings()
    ports: PortSettings = PortSettings()
    docker: DockerSettings = DockerSettings()
    cache: CacheSettings = CacheSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = Path(os.environ.get("HYTOPUS_NODE_CONFIG", DEFAULT_FILE))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)
