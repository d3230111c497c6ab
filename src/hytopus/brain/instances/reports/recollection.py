"""What a node remembers (`node.recall`), as the Brain reads it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from hytopus.kit.ids import is_id
from hytopus.wire.messages import InstanceReport, PortBinding

_Text = Annotated[str, StringConstraints(max_length=64)]
_Generation = Annotated[int, Field(ge=0, le=2**30)]
"""Fits the column, with room for whoever counts on."""


def _of_a_game(ports: tuple[PortBinding, ...]) -> tuple[PortBinding, ...]:
    for port in ports:
        if not 0 < port.host < 65_536 or not 0 < port.container < 65_536:
            raise ValueError("holds a number that no port has")
        if len(port.name) > 32 or port.protocol not in ("udp", "tcp"):
            raise ValueError("holds a port that no game has")
    if len({port.host for port in ports}) < len(ports):
        raise ValueError("holds one port twice")
    return ports


def _of_an_instance(report: InstanceReport) -> InstanceReport:
    if not is_id(report.instance_id):
        raise ValueError("speaks of an instance with an id that none has")
    return report


class Memory(BaseModel):
    """One instance a node holds."""

    model_config = ConfigDict(extra="ignore")

    report: Annotated[InstanceReport, AfterValidator(_of_an_instance)]
    """As it stands; `restored` if it ended while nobody watched."""
    record: str = ""
    """`record.describe`, as of its last preparation; empty where the node never got one."""
    prepared_generation: _Generation = 0
    ports: Annotated[tuple[PortBinding, ...], Field(max_length=64), AfterValidator(_of_a_game)] = ()
    prepared: bool = False
    destroying: bool = False
    superseded: bool = False
    """Being destroyed because it lives elsewhere."""


class Death(BaseModel):
    model_config = ConfigDict(extra="ignore")

    instance_id: _Text
    generation: _Generation


class Recollection(BaseModel):
    """Everything one node remembers."""

    model_config = ConfigDict(extra="ignore")

    instances: list[Memory]
    destroyed: list[Death]
