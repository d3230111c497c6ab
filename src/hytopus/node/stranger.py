"""Records for instances of which nothing was written down: a lost journal, or a command for what is not here."""

from __future__ import annotations

from typing import Final

from hytopus.games.definition import Game, Image
from hytopus.games.restart import RestartOn, RestartPolicy
from hytopus.node.journal import Record
from hytopus.node.runtime.base import ContainerState
from hytopus.wire.messages import NodeStatus, PrepareInstance

UNKNOWN_GAME: Final = Game(
    name="unknown",
    title="Unknown",
    image=Image(reference=""),
    command=(),
    ports=(),
    restart=RestartPolicy(on=RestartOn.NEVER),
)
"""Stops by signal, with a minute to save: what suits a server nobody knows anything about."""


def record_of(state: ContainerState) -> Record:
    """A container of ours without a record: taken as it stands, for the Brain to decide."""
    return Record(
        _assignment(state.instance_id, state.generation),
        state.generation,
        NodeStatus.RUNNING,
        started=state.generation,
        attempt=state.attempt,
        started_at=state.started_at,
        adopted=True,
    )


def unknown(instance_id: str, generation: int) -> Record:
    """To stop or destroy what may or may not be here."""
    return Record(_assignment(instance_id, generation), generation, NodeStatus.FAILED, adopted=True)


def _assignment(instance_id: str, generation: int) -> PrepareInstance:
    return PrepareInstance(
        instance_id=instance_id,
        generation=generation,
        name=instance_id,
        template_layers=(),
        variable_map={},
        secrets=(),
        game=UNKNOWN_GAME.model_dump_json(),
        ports=(),
        memory_mb=0,
        cpus=0,
        disk_mb=0,
    )
