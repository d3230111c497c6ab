"""Looking at a file: text, binary, too large, with secrets in it."""

from __future__ import annotations

from hashlib import sha256

from hytopus.node.files.read import TEXT_LIMIT, View, view
from hytopus.node.files.secrets import Secrets
from tests.unit.node.files.conftest import SECRETS, Place


def look(place: Place, path: str, secrets: Secrets = SECRETS) -> View:
    with place.tree() as tree:
        return view(tree, tree.find(path), secrets)


def test_a_secret_that_was_substituted_is_a_mark(place: Place) -> None:
    found = look(place, "config/server.toml")
    assert found.text == 'name = "lobby"\npassword = "⟦PASSWORD⟧"\n'
    assert found.masked == ("PASSWORD",)
    assert found.digest == sha256(b'name = "lobby"\npassword = "pw"\n').hexdigest()


def test_a_secret_that_the_server_wrote_again_is_a_mark(place: Place) -> None:
    place.server_writes("config/server.toml", b"pass: pw\n")
    assert look(place, "config/server.toml").text == "pass: ⟦PASSWORD⟧\n"


def test_marks_turn_back_into_what_they_stand_for() -> None:
    secrets = Secrets({"A": "one", "B": "one two", "C": ""}, ["A", "B", "C"])
    text = "one two, one, ⟦C⟧"
    hidden, names = secrets.hide(text)
    assert (hidden, names) == ("⟦B⟧, ⟦A⟧, ⟦C⟧", ["A", "B"])
    assert secrets.reveal(hidden) == text


def test_binary_files_have_no_text(place: Place) -> None:
    found = look(place, "plugins/a.jar")
    assert (found.encoding, found.text, found.size) == ("binary", "", 5)


def test_text_that_is_not_utf8_is_shown_as_far_as_it_goes(place: Place) -> None:
    place.server_writes("latin", "café".encode("latin-1"))
    assert (look(place, "latin").encoding, look(place, "latin").text) == ("other", "caf\ufffd")


def test_a_huge_file_is_cut_and_keeps_its_secret(place: Place) -> None:
    place.server_writes("log", b"x" * (TEXT_LIMIT - 3) + b"hunter2" + b"y" * 100)
    found = look(place, "log", Secrets({"P": "hunter2"}, ["P"]))
    assert found.cut
    assert found.digest == ""
    assert found.size == TEXT_LIMIT + 104
    assert "h" not in found.text


def test_a_cut_inside_a_character_is_still_text(place: Place) -> None:
    place.server_writes("log", "é".encode() * TEXT_LIMIT)
    assert look(place, "log", Secrets({}, ())).encoding == "utf-8"
