"""The container an instance runs in, from its assignment, its game and its directory."""

from __future__ import annotations

from hytopus.games.definition import Game
from hytopus.layers.substitute import render_text
from hytopus.layers.variables import CHOICES, FACTS
from hytopus.node.journal import Record
from hytopus.node.runner.host import Built
from hytopus.node.runtime.base import ContainerSpec, PortMapping


def spec_of(record: Record, game: Game, built: Built) -> ContainerSpec:
    """Raises `UnresolvedVariables` when the game's command or environment names a variable that has no value."""
    assignment = record.assignment
    variables = assignment.variable_map
    given = {name: variables[name] for name in (*FACTS, *CHOICES) if name in variables}
    named = {
        name: render_text(text, variables, where=f"environment.{name} of the game {game.name}")
        for name, text in game.environment.items()
    }
    return ContainerSpec(
        instance_id=record.instance_id,
        instance_name=assignment.name,
        generation=record.generation,
        attempt=record.attempt,
        image=game.image.reference,
        command=[render_text(part, variables, where=f"the command of the game {game.name}") for part in game.command],
        mount=built.mount,
        workdir=game.workdir,
        environment={**given, "INSTANCE_ID": record.instance_id, **named},
        ports=[PortMapping(port.host, port.container, port.protocol) for port in assignment.ports],
        user=game.user,
        memory_mb=assignment.memory_mb,
        cpus=assignment.cpus,
        pids=game.resources.pids,
        read_only_root=game.read_only_root,
        tmpfs=game.tmpfs,
        sysctls=game.sysctls,
        init=game.init,
        stop_signal=game.stop.signal,
        stop_grace=game.stop.grace,
    )
