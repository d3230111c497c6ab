"""The rules of the fence, as the packet filter reads them."""

from __future__ import annotations

import pytest

from hytopus.node.runtime.docker.fence import DNS, Opening, networks_of, openings_of, rules


def test_answers_dns_and_game_ports_pass_and_the_rest_of_the_machine_does_not() -> None:
    text = rules("abc", [DNS, Opening("30000:30499"), Opening("3306", "10.0.0.5/32")], ["169.254.0.0/16"])
    passing = [
        "-m conntrack --ctstate ESTABLISHED,RELATED",
        "-p udp --dport 53",
        "-p tcp --dport 53",
        "-p udp --dport 30000:30499",
        "-p tcp --dport 30000:30499",
        "-d 10.0.0.5/32 -p udp --dport 3306",
        "-d 10.0.0.5/32 -p tcp --dport 3306",
    ]
    assert text.splitlines() == [
        "*filter",
        ":HYTOPUS-HOST-abc - [0:0]",
        ":HYTOPUS-OUT-abc - [0:0]",
        *(f"-A HYTOPUS-HOST-abc {words} -j RETURN" for words in passing),
        *(f"-A HYTOPUS-OUT-abc {words} -j RETURN" for words in passing),
        "-A HYTOPUS-HOST-abc -j DROP",
        "-A HYTOPUS-OUT-abc -d 169.254.0.0/16 -j DROP",
        "COMMIT",
    ]


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
