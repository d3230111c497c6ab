"""Which Brain to talk to and as whom: the environment first, then `~/.config/hytopus/config.toml`."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from hytopus.cli.failure import Usage
from hytopus.errors import HytopusError
from hytopus.kit.files import replace_file

DEFAULT_URL: Final = "http://127.0.0.1:8420"


class BadCredentialsFile(HytopusError):
    code: ClassVar[str] = "bad_credentials_file"
    template: ClassVar[str] = "{file} cannot be used: {why}."
    remedy: ClassVar[str] = "Mend or delete it, and run `hytopus login` again."


@dataclass(frozen=True, slots=True)
class Credentials:
    """A Brain's address, and the API token for it where there is one."""

    url: str
    token: str | None = None
    ca: str | None = None
    """The authority that this Brain's certificate must be of, as PEM; None: one that the machine trusts anyway."""


def resolve(url: str | None = None) -> Credentials:
    """What a command uses. A token belongs to its Brain: it is never sent to another address."""
    saved = load()
    chosen = url or os.environ.get("HYTOPUS_URL") or (saved.url if saved else DEFAULT_URL)
    chosen = _checked(chosen.rstrip("/"))
    known = saved if saved and saved.url == chosen else Credentials(chosen)
    return Credentials(chosen, os.environ.get("HYTOPUS_TOKEN") or known.token, _authority() or known.ca)


def _checked(url: str) -> str:
    """Refuses what is no address before it is mistaken for a Brain that is away."""
    for part in filter(None, (part.strip() for part in url.split(","))):
        if not part.startswith(("http://", "https://")):
            raise Usage(why=f"{part!r} is no address of a Brain: write https://{part}, or http://{part}")
    return url


def is_open(url: str) -> bool:
    """Whether somebody on the way could read what is sent: no HTTPS, and beyond this machine."""
    parts = [urlsplit(part.strip()) for part in url.split(",")]
    return any(part.scheme == "http" and not _is_here(part.hostname or "") for part in parts)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _authority() -> str | None:
    """For scripts, which never log in: the file that HYTOPUS_CA names."""
    file = os.environ.get("HYTOPUS_CA")
    return Path(file).read_text() if file else None


def load() -> Credentials | None:
    """What `hytopus login` left behind."""
    file = config_file()
    try:
        content: dict[str, Any] = tomllib.loads(file.read_text())
        return Credentials(str(content["url"]).rstrip("/"), content.get("token"), content.get("ca"))
    except FileNotFoundError:
        return None
    except KeyError as error:
        raise BadCredentialsFile(file=file, why=f"it has no {error}") from error
    except (OSError, ValueError) as error:
        raise BadCredentialsFile(file=file, why=str(error)) from error


def save(credentials: Credentials) -> Path:
    """Remember them, readable for their owner alone; gives the file."""
    file = config_file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [f"url = {json.dumps(credentials.url)}"]
    if credentials.token is not None:
        lines.append(f"token = {json.dumps(credentials.token)}")
    if credentials.ca is not None:
        lines.append(f"ca = {json.dumps(credentials.ca)}")
    replace_file(file, ("\n".join(lines) + "\n").encode(), shared=True)
    return file


def forget() -> None:
    """Drop the token; the address stays, so that logging in again is short."""
    if saved := load():
        save(Credentials(saved.url, ca=saved.ca))


def config_file() -> Path:
    """Where the login is kept; HYTOPUS_CONFIG or XDG_CONFIG_HOME move it."""
    if explicit := os.environ.get("HYTOPUS_CONFIG"):
        return Path(explicit)
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "hytopus" / "config.toml"
