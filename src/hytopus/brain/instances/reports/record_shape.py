"""What the record of an instance may hold: it comes from a node, and everybody who looks at the instance reads it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from hytopus.brain.http.schemas import check_plain
from hytopus.brain.instances.record import remembered
from hytopus.brain.instances.schemas.asked import Cpus, DiskMb, Label, LayerText, MemoryMb, PortNumber, VariableValue
from hytopus.games.definition import Game
from hytopus.games.restart import RestartChoice
from hytopus.kit.ids import is_name
from hytopus.layers.reference import is_version

_Short = Annotated[str, StringConstraints(max_length=64)]
_Seconds = Annotated[float, Field(ge=0, le=1e9)]
_Values = Annotated[dict[Label, VariableValue], Field(max_length=1_000)]


class _Layer(BaseModel):
    """Its node gets a URL for `s3_key`: it must not be able to ask for what is no template."""

    template_id: str
    version: str
    checksum: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0, le=2**53)]
    s3_key: Annotated[str, StringConstraints(max_length=1024)]
    type: _Short

    @field_validator("template_id")
    @classmethod
    def _is_name(cls, text: str) -> str:
        if not is_name(text):
            raise ValueError("no template has such an id")
        return text

    @field_validator("version")
    @classmethod
    def _is_version(cls, text: str) -> str:
        if not is_version(text):
            raise ValueError("no template has such a version")
        return text

    def model_post_init(self, _context: Any) -> None:
        if f"/templates/{self.template_id}/" not in f"/{self.s3_key}":
            raise ValueError("its object is not where templates are")


class _Record(BaseModel):
    """The columns that travel, where they are there."""

    model_config = ConfigDict(strict=True, extra="ignore")

    name: _Short = "a"
    game: _Short = ""
    definition: dict[str, Any] | None = None
    requested_layers: Annotated[list[LayerText], Field(max_length=64)] = []
    layers: Annotated[list[_Layer], Field(max_length=64)] = []
    variables: _Values = {}
    secrets: _Values = {}
    secret_names: Annotated[list[Label], Field(max_length=1_000)] = []
    defaults: _Values = {}
    requested_ports: Annotated[dict[Label, PortNumber], Field(max_length=64)] = {}
    details: Annotated[dict[Label, Any], Field(max_length=64)] = {}
    memory_mb: MemoryMb = 16
    cpus: Cpus = 1.0
    disk_mb: DiskMb = 1
    pinned_node: Annotated[str, StringConstraints(max_length=16)] | None = None
    region: _Short = ""
    tags: Annotated[list[Label], Field(max_length=32)] = []
    dev: bool = False
    environment: _Short = ""
    autostart: bool = True
    persistent: bool = True
    replace_after_s: _Seconds | None = None
    lease_s: _Seconds = 0.0
    restart_choice: dict[str, Any] | None = None

    @field_validator("name")
    @classmethod
    def _is_name(cls, text: str) -> str:
        if not is_name(text):
            raise ValueError("no instance has such a name")
        return text

    @field_validator("definition")
    @classmethod
    def _is_game(cls, definition: dict[str, Any] | None) -> dict[str, Any] | None:
        if definition is not None:
            Game.model_validate(definition)
        return definition

    @field_validator("restart_choice")
    @classmethod
    def _is_choice(cls, choice: dict[str, Any] | None) -> dict[str, Any] | None:
        if choice is not None:
            RestartChoice.model_validate(choice)
        return choice


def believed(record: str) -> dict[str, Any]:
    """`remembered`, but raises ValueError for a record that could not be one of this Brain's, too."""
    values = remembered(record)
    for value in values.values():
        check_plain(value)
    _Record.model_validate(values)
    return values
