"""`template.toml`: the small rules a template carries at its root. It never reaches the instance."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from hytopus.errors import HytopusError

RULES_FILE: Final = "template.toml"

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
"""`[A-Z][A-Z0-9_]*`, at most 64 characters."""


class BadTemplateRules(HytopusError):
    code: ClassVar[str] = "bad_template_rules"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "template.toml is not valid: {where}: {why}"
    remedy: ClassVar[str] = "Mend the file and run `hytopus template lint`."


class TemplateType(StrEnum):
    """What part of a server a template describes (specification 3.2)."""

    MASTER = "master"
    GAMEMODE = "gamemode"
    MAP = "map"
    CUSTOM = "custom"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Variable(_Model):
    """A variable the template's files use."""

    description: str = ""
    """For people."""
    default: str | None = None
    """Its value where nobody gives one."""
    required: bool = False
    """An instance must give a value (only meaningful without a default)."""
    secret: bool = False
    """The value is masked wherever it could be shown."""


class Substitution(_Model):
    """Which files have their placeholders replaced. Patterns are globs against the path (`**` crosses folders)."""

    include: tuple[str, ...] = ("**",)
    """Only these files."""
    exclude: tuple[str, ...] = ()
    """Not these files."""
    allow_unresolved: tuple[VariableName, ...] = ()
    """Names that may stay unresolved: their placeholders are left exactly as written."""


class TemplateRules(_Model):
    """Everything `template.toml` may say. An absent file is the same as an empty one."""

    type: TemplateType = TemplateType.CUSTOM
    """What part of a server it is: for people and filters."""
    description: str = ""
    """For people."""
    tags: tuple[str, ...] = ()
    """For filters."""
    game: str | None = None
    """The game this layer provides, by name; the last layer that names one decides."""
    variables: dict[VariableName, Variable] = Field(default_factory=dict)
    substitute: Substitution = Substitution()
    remove: tuple[str, ...] = ()
    """Globs of paths from lower layers that this layer deletes before adding its own files."""
    clean: bool = False
    """Delete everything lower layers brought before adding this layer's files."""
    persistent: bool | None = None
    """Whether a server of this layer has a world of its own; the last layer that says so decides, else the game."""
    require: tuple[str, ...] = ()
    """Paths that must exist in the finished directory (the consistency check)."""

    @classmethod
    def parse(cls, text: str | bytes) -> TemplateRules:
        """Read a `template.toml`; raises `BadTemplateRules` that names the key."""
        try:
            data = tomllib.loads(text.decode() if isinstance(text, bytes) else text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadTemplateRules(where="the file", why=str(error)) from error
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise BadTemplateRules(where=where, why=first["msg"]) from error
