"""The Brain's settings: arguments, then `HYTOPUS_BRAIN__…` in the environment, then `/etc/hytopus/brain.toml`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from hytopus.brain.accounts.oidc.settings import OidcSettings
from hytopus.brain.accounts.settings import AccountSettings
from hytopus.brain.activity.settings import AuditSettings
from hytopus.brain.backups.keys import KeyFiles
from hytopus.brain.backups.settings import BackupSettings
from hytopus.brain.crashes.settings import CrashSettings
from hytopus.brain.db.unlock import SealingSettings, key_file
from hytopus.brain.gateway.settings import GatewaySettings
from hytopus.brain.history.settings import HistorySettings
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.storage.settings import StorageSettings

CONFIG_FILE: Final = Path("/etc/hytopus/brain.toml")
DATA_DIR: Final = Path("/var/lib/hytopus/brain")


class HttpSettings(BaseModel):
    """Where the API and the panel are served."""

    model_config = ConfigDict(extra="forbid")

    listen: Annotated[str, Field(pattern=r"^.+:\d+$")] = "127.0.0.1:8420"
    """`host:port`; port 0 takes a free one."""
    tls: Literal["auto", "on", "off"] = "auto"
    """`auto`: HTTPS, but plain HTTP on a loopback address. `off`: always plain, for a proxy on another machine."""
    certificate: Path | None = None
    """A PEM file with the certificate chain. Unless set, the Brain's own authority signs one."""
    certificate_key: Path | None = None
    """The certificate's private key."""
    panel: Path | None = None
    """Folder with a built panel. Unless set: the one in the package, or `panel/.output/public` of a checkout."""
    trusted_proxies: list[str] = []
    """Addresses of proxies whose `X-Forwarded-For` is believed."""

    @property
    def secure(self) -> bool:
        """Whether it is HTTPS."""
        if self.tls == "auto":
            return self.certificate is not None or not _is_loopback(self.listen)
        return self.tls == "on"


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class LogSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal["auto", "json", "text"] = "auto"
    """`auto`: text for a person at a terminal, JSON for everything else."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Nothing below this is logged."""


class BrainSettings(BaseSettings):
    """Everything an operator can set."""

    model_config = SettingsConfigDict(
        env_prefix="HYTOPUS_BRAIN__", env_nested_delimiter="__", extra="forbid", validate_default=True
    )
    config_file: ClassVar[Path] = CONFIG_FILE

    data_dir: Path = DATA_DIR
    """Where the CA and, unless `database_url` says otherwise, the database live."""
    name: str = ""
    """What this Brain is called among several; empty: the machine's name."""
    database_url: str = ""
    """`sqlite:///path` or `postgresql://user:password@host/name`; empty: `brain.db` in the data directory."""
    games_dirs: list[Path] = []
    """Folders with games of your own, each in a folder with a `game.toml`."""
    http: HttpSettings = HttpSettings()
    storage: StorageSettings = StorageSettings()
    accounts: AccountSettings = AccountSettings()
    oidc: OidcSettings = OidcSettings()
    sealing: SealingSettings = SealingSettings()
    gateway: GatewaySettings = GatewaySettings()
    nodes: NodeSettings = NodeSettings()
    instances: InstanceSettings = InstanceSettings()
    crashes: CrashSettings = CrashSettings()
    backups: BackupSettings = BackupSettings()
    audit: AuditSettings = AuditSettings()
    history: HistorySettings = HistorySettings()
    log: LogSettings = LogSettings()

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'brain.db'}"

    @property
    def key_files(self) -> KeyFiles:
        """What a backup needs beside the database."""
        return KeyFiles(self.data_dir, None if self.sealing.keys else key_file(self.sealing, self.data_dir))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.config_file)


def load_settings(file: Path | None = None, **given: Any) -> BrainSettings:
    """Read the settings once. `given` wins over the environment, the environment over the file."""

    class Settings(BrainSettings):
        config_file: ClassVar[Path] = file or CONFIG_FILE

    return Settings(**given)
