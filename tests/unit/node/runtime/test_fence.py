"""The rules of the fence, as the packet filter reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hytopus.node.guard import fence_of
from hytopus.node.identity import Identity
from hytopus.node.runtime.docker.addresses import Names, networks_of
from hytopus.node.runtime.docker.fence import DNS, METADATA, Opening, openings_of, rules
from hytopus.node.settings import NodeSettings

ANSWERS = "-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"


def test_answers_dns_and_game_ports_pass_and_the_rest_of_the_machine_does_not() -> None:
    allowed = [Opening("3306", "10.0.0.5/32")]
    text = rules("abc", [DNS, Opening("30000:30499")], [METADATA], allowed=allowed)
    passing = [
        "-p udp --dport 53 -j RETURN",
        "-p tcp --dport 53 -j RETURN",
        "-p udp --dport 30000:30499 -j RETURN",
        "-p tcp --dport 30000:30499 -j RETURN",
    ]
    first = [ANSWERS, *(f"-d 10.0.0.5/32 -p {protocol} --dport 3306 -j RETURN" for protocol in ("udp", "tcp"))]
    assert _chain(text, "HYTOPUS-HOST-abc") == [*first, *passing, "-j DROP"]
    assert _chain(text, "HYTOPUS-OUT-abc") == [
        *first,
        *passing,
        "-p udp -m conntrack --ctorigdstport 53 -j RETURN",
        "-p tcp -m conntrack --ctorigdstport 53 -j RETURN",
        "-p udp -m conntrack --ctorigdstport 30000:30499 -j RETURN",
        "-p tcp -m conntrack --ctorigdstport 30000:30499 -j RETURN",
        "-d 169.254.0.0/16 -j DROP",
        "-m conntrack --ctorigdst 169.254.0.0/16 -j DROP",
    ]
    assert text.splitlines()[:3] == ["*filter", ":HYTOPUS-HOST-abc - [0:0]", ":HYTOPUS-OUT-abc - [0:0]"]
    assert text.endswith("\nCOMMIT\n")


def test_the_ports_of_the_brain_are_shut_before_game_ports_open() -> None:
    text = rules("abc", [Opening("1:65535")], ["10.0.0.9/32"], closed=[8420, 8421])
    here, out = _chain(text, "HYTOPUS-HOST-abc"), _chain(text, "HYTOPUS-OUT-abc")
    assert here[1:3] == ["-p tcp --dport 8420 -j DROP", "-p tcp --dport 8421 -j DROP"]
    assert out[1:5] == [
        "-p tcp --dport 8420 -d 10.0.0.9/32 -j DROP",
        "-p tcp -m conntrack --ctorigdst 10.0.0.9/32 --ctorigdstport 8420 -j DROP",
        "-p tcp --dport 8421 -d 10.0.0.9/32 -j DROP",
        "-p tcp -m conntrack --ctorigdst 10.0.0.9/32 --ctorigdstport 8421 -j DROP",
    ]


def _chain(text: str, name: str) -> list[str]:
    return [line.removeprefix(f"-A {name} ") for line in text.splitlines() if line.startswith(f"-A {name} ")]


def test_a_name_server_that_is_away_opens_nothing() -> None:
    answers = [["10.0.0.9/32"], ["10.0.0.10/32"], []]
    names = Names(lambda _name: answers.pop(0))
    assert names.networks("brain.invalid") == ("10.0.0.9/32",)
    assert names.networks("brain.invalid") == names.networks("brain.invalid") == ("10.0.0.9/32", "10.0.0.10/32")
    assert names.is_known("brain.invalid")


@pytest.mark.parametrize(("name", "known"), [("localhost", True), ("::1", True), ("nobody.invalid", False)])
def test_a_name_without_an_address_is_told_from_one_that_needs_none(name: str, known: bool) -> None:
    names = Names()
    assert names.networks(name) == ()
    assert names.is_known(name) is known


def test_every_node_shuts_its_servers_off_from_the_brains_it_knows(tmp_path: Path) -> None:
    """Wherever the Brains are: those it has joined at, and those it was told of."""
    identity = Identity(tmp_path, "n1", "oak", "https://brain.example:8420", "10.1.0.1:8421")
    (tmp_path / "brains.json").write_text('{"session_addresses": ["10.1.0.2:9421", "[fd00::1]:9421"]}')
    fence = fence_of(NodeSettings(), identity)
    assert fence is not None
    assert list(fence.forbidden()) == [METADATA, "brain.example", "10.1.0.2", "fd00::1", "10.1.0.1"]
    assert sorted(set(fence.closed())) == [8420, 8421, 9421]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.5", [Opening("", "10.0.0.5/32")]),
        ("10.0.0.5:3306", [Opening("3306", "10.0.0.5/32")]),
        ("10.0.0.0/8", [Opening("", "10.0.0.0/8")]),
        ("nobody.invalid:1", []),
    ],
)
def test_what_an_operator_allows(text: str, found: list[Opening]) -> None:
    assert list(openings_of(text)) == found


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1", "fd00::/8", "nobody.invalid"])
def test_the_loopback_and_what_is_unknown_are_no_networks_of_others(name: str) -> None:
    assert list(networks_of(name)) == []
