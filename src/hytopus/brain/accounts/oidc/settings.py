"""What an operator can set about single sign-on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from hytopus.brain.accounts.roles import Role

CALLBACK: Final = "/api/v1/oidc/callback"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Grant(BaseModel):
    """What a value of the role claim is worth."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    """The greatest role of a user's values counts."""
    regions: list[str] = []
    """Limits to regions. Of several values with the same role each counts for itself: who may steer the tag `a` in `eu`
    and the tag `b` in `us` does not steer `b` in `eu`."""
    tags: list[str] = []
    """Limits to tags; with regions, both must hold."""

    @model_validator(mode="after")
    def _admins_have_no_limits(self) -> Self:
        if self.role is Role.ADMIN and (self.regions or self.tags):
            raise ValueError("an admin cannot be limited to regions or tags")
        return self


class OidcSettings(BaseModel):
    """Login at an OpenID Connect provider. Password logins go on beside it, for the day it is down."""

    model_config = ConfigDict(extra="forbid")

    issuer: str = ""
    """The provider, as its discovery document calls itself; empty: no single sign-on."""
    client_id: str = ""
    """What the Brain is called there."""
    client_secret: SecretStr | None = None
    """Better in a file or in the environment."""
    client_secret_file: Path | None = None
    """A file that holds nothing but the client's secret."""
    public_url: str = ""
    """Where people reach the panel. The provider sends them back to `/api/v1/oidc/callback` there."""
    title: str = "Single sign-on"
    """On the button of the login page."""
    scopes: list[str] = ["openid", "profile", "email"]
    """What is asked of the provider."""
    name_claim: str = "preferred_username"
    """The claim that names new users. `email` counts only if the provider has verified it."""
    role_claim: str = "groups"
    """The claim whose values are looked up in `grants`; dots lead inside: `realm_access.roles`."""
    grants: dict[str, Grant] = {}
    """Value of the role claim -> role and limits."""
    default_role: Role | None = None
    """For users without any of these values; without it they are not let in."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How long the provider may take to answer."""

    @property
    def on(self) -> bool:
        return bool(self.issuer)

    @property
    def redirect_uri(self) -> str:
        return self.public_url.rstrip("/") + CALLBACK

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.on:
            return self
        if not self.client_id or not self.public_url:
            raise ValueError("single sign-on needs client_id and public_url")
        if not is_safe(self.issuer):
            raise ValueError("issuer must be an https address")
        if not self.grants and self.default_role is None:
            raise ValueError("nobody could log in: name grants or a default_role")
        return self


def is_safe(url: str) -> bool:
    """Whether a secret may travel there: over HTTPS, or not beyond this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
