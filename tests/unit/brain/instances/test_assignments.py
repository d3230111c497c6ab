"""What a node is told of an instance."""

from __future__ import annotations

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.assignments import commands_for
from hytopus.brain.instances.states import State
from hytopus.wire.messages import PrepareInstance
from tests.harness.database import sqlite as sqlite
from tests.harness.factories import add, make_node, on_node


async def test_a_node_masks_what_was_given_and_no_word_that_a_game_begins_with(sqlite: Database) -> None:
    node = make_node()
    instance, lease = on_node(
        node,
        State.PREPARING,
        secret_names=["KEY", "LICENCE", "TOKEN"],
        secrets={"TOKEN": "hunter22"},
        defaults={"KEY": "none", "LICENCE": "ab12-cd34", "TOKEN": "none"},
    )
    await add(sqlite, node, instance, lease)
    async with sqlite.read() as session:
        (command,) = (await commands_for(session, [node]))[node.id]
    assert isinstance(command, PrepareInstance)
    assert command.secrets == ("LICENCE", "TOKEN")
    assert command.variable_map["KEY"] == "none"
