"""What a node remembers (`node.recall`), as the Brain reads it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from hytopus.wire.messages import InstanceReport, PortBinding


class Memory(BaseModel):
    """One instance a node holds."""

    model_config = ConfigDict(extra="ignore")

    report: InstanceReport
    """As it stands; `restored` if it ended while nobody watched."""
    record: str = ""
    """`record.describe`, as of its last preparation; empty where the node never got one."""
    prepared_generation: int = 0
    ports: tuple[PortBinding, ...] = ()
    prepared: bool = False
    destroying: bool = False
    superseded: bool = False
    """Being destroyed because it lives elsewhere."""


class Death(BaseModel):
    model_config = ConfigDict(extra="ignore")

    instance_id: str
    generation: int


class Recollection(BaseModel):
    """Everything one node remembers."""

    model_config = ConfigDict(extra="ignore")

    instances: list[Memory]
    destroyed: list[Death]

    @classmethod
    def read(cls, body: dict[str, Any]) -> Recollection:
        """Raises `pydantic.ValidationError`."""
        return cls.model_validate(body)
