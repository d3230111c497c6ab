"""Variables: who may set which, what they are worth, and what is never shown."""

from __future__ import annotations

import pytest

from hytopus.brain.instances.errors import MissingVariable, ReservedVariable, UndeclaredVariable
from hytopus.brain.instances.variables import MASK, check_given, masked, values_for
from hytopus.games.definition import Game, Image
from hytopus.layers.rules import TemplateRules, Variable
from hytopus.layers.variables import CHOICES, FACTS
from hytopus.wire.messages import PortBinding
from tests.harness.factories import make_instance, make_node

GAME = Game(
    name="toy",
    title="Toy",
    image=Image(reference="toy:1"),
    command=("toy",),
    variables={"VIEW": Variable(default="8"), "MODE": Variable(default="easy")},
)
BASE = TemplateRules(variables={"MODE": Variable(default="hard"), "TOKEN": Variable(secret=True)})
TOP = TemplateRules(variables={"TOKEN": Variable(required=True), "MAX_PLAYERS": Variable(default="64")})
PORTS = (PortBinding("game", 30001, 5520, "udp"), PortBinding("query", 30002, 30002, "tcp"))


def test_later_layers_decide_and_a_secret_stays_one() -> None:
    given = check_given(GAME, [BASE, TOP], {"TOKEN": "t", "VIEW": "12"})
    assert given.defaults == {"VIEW": "8", "MODE": "hard", "MAX_PLAYERS": "64"}
    assert (given.variables, given.secrets, given.secret_names) == ({"VIEW": "12"}, {"TOKEN": "t"}, ["TOKEN"])


def test_built_in_names_need_no_declaration() -> None:
    values = dict.fromkeys(CHOICES, "x")
    assert check_given(GAME, [], values).variables == values


@pytest.mark.parametrize("name", [*sorted(FACTS), "PORT_QUERY"])
def test_facts_cannot_be_set(name: str) -> None:
    with pytest.raises(ReservedVariable, match=name):
        check_given(GAME, [BASE], {name: "x"})


def test_what_nothing_declares_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UndeclaredVariable, match="did you mean MODE") as refused:
        check_given(GAME, [BASE], {"MOED": "x", "ZZZZ": "y"})
    assert refused.value.params["names"] == "MOED, ZZZZ"


def test_what_is_required_and_missing_is_named() -> None:
    with pytest.raises(MissingVariable, match="TOKEN"):
        check_given(GAME, [BASE, TOP], {})


def test_a_required_built_in_has_its_default() -> None:
    rules = TemplateRules(variables={"SEED": Variable(required=True), "PORT": Variable(required=True)})
    assert check_given(GAME, [rules], {}).secrets == {}


def test_facts_beat_the_operator_who_beats_declarations_which_beat_built_in_values() -> None:
    node = make_node(name="octo", region="eu", environment="stage", address="10.0.0.1")
    instance = make_instance(
        id="i1",
        name="lobby",
        defaults={"MODE": "hard", "MAX_PLAYERS": "64", "LOCALE": "de"},
        variables={"MODE": "mine", "LOCALE": "fr"},
        secrets={"TOKEN": "t"},
    )
    values = values_for(instance, node, PORTS)
    assert values == {
        "INSTANCE_ID": "i1",
        "INSTANCE_NAME": "lobby",
        "SERVER_NAME": "lobby",
        "NODE_NAME": "octo",
        "NODE_ADDRESS": "10.0.0.1",
        "REGION": "eu",
        "ENVIRONMENT": "stage",
        "PORT": "30001",
        "PORT_GAME": "30001",
        "PORT_QUERY": "30002",
        "GROUP": "",
        "SEED": values["SEED"],
        "LOCALE": "fr",
        "MAX_PLAYERS": "64",
        "MODE": "mine",
        "TOKEN": "t",
    }


def test_the_seed_is_each_instances_own_and_stays() -> None:
    node = make_node()
    seeds = [values_for(make_instance(id=name), node, ())["SEED"] for name in ("a", "b", "a")]
    assert seeds[0] == seeds[2] != seeds[1]
    assert seeds[0].isdecimal()


def test_secrets_are_masked() -> None:
    instance = make_instance(variables={"A": "1"}, secrets={"TOKEN": "t"})
    assert masked(instance) == {"A": "1", "TOKEN": MASK}
