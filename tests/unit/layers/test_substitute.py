"""Placeholders in files and texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.layers.errors import UnresolvedVariables
from hytopus.layers.substitute import MAX_FILE, placeholders, render_text, substitute

VALUES = {"PORT": "5520", "EMPTY": "", "DOLLAR": "${PORT}"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("port=${PORT}", "port=5520"),
        ("${PORT}${PORT}", "55205520"),
        ("$${PORT}", "${PORT}"),
        ("$$${PORT}", "$${PORT}"),
        ("${PORT:-1}", "5520"),
        ("${NONE:-1}", "1"),
        ("${NONE:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${DOLLAR}", "${PORT}"),
        ("${NONE:-${PORT}}", "${PORT}"),
        ("$PORT ${port} ${} ${1A} $ $$", "$PORT ${port} ${} ${1A} $ $$"),
        ("$${NONE:-1}", "${NONE:-1}"),
    ],
)
def test_names_are_replaced_defaults_taken_and_all_else_left_alone(text: str, expected: str) -> None:
    assert render_text(text, VALUES) == expected


def test_all_unresolved_names_are_reported_with_their_lines() -> None:
    data, unresolved = substitute(b"a\n${ONE}\n\n${TWO}${ONE}", {})
    assert unresolved == [(2, "ONE"), (4, "TWO"), (4, "ONE")]
    assert data == b"a\n${ONE}\n\n${TWO}${ONE}"


def test_allowed_names_stay_as_written() -> None:
    assert substitute(b"${ONE} ${PORT}", VALUES, allow={"ONE"}) == (b"${ONE} 5520", [])


def test_an_error_shows_ten_places_and_counts_all() -> None:
    text = "\n".join(f"${{NAME_{index}}}" for index in range(12))
    with pytest.raises(UnresolvedVariables) as caught:
        render_text(text, {}, where="command")
    assert "12 placeholder(s)" in str(caught.value)
    assert "command:-:10 ${NAME_9}" in str(caught.value)
    assert "NAME_10" not in caught.value.message
    assert "and 2 more" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"plain $ text", None),
        (b"${PORT} ${B:-x} ${PORT}", ("B", "PORT")),
        (b"$${PORT}", ()),
        (b"\0${PORT}", None),
        (b"x" * 9000 + b"\0${PORT}", ("PORT",)),
        (b"${PORT}" + b"x" * MAX_FILE, None),
        (b"${lower}", None),
    ],
)
def test_which_files_are_marked(data: bytes, names: tuple[str, ...] | None) -> None:
    assert placeholders(data) == names


@given(st.text(), st.dictionaries(st.sampled_from(["A", "B", "LONG_NAME"]), st.text()))
def test_text_without_placeholders_is_never_touched(text: str, values: dict[str, str]) -> None:
    data = text.replace("{", "(").encode()
    assert substitute(data, values) == (data, [])


_PARTS = st.one_of(
    st.sampled_from(["A", "B", "C"]).map(lambda name: (f"${{{name}}}", name)),
    st.sampled_from(["A", "B"]).map(lambda name: (f"$${{{name}}}", None)),
    st.text(alphabet="xyz {}:-\n", max_size=8).map(lambda text: (text, None)),
)


@given(st.lists(_PARTS), st.fixed_dictionaries({"A": st.text(min_size=1), "B": st.text(), "C": st.text()}))
def test_one_pass_replaces_each_and_nothing_else(parts: list[tuple[str, str | None]], values: dict[str, str]) -> None:
    text = "".join(text for text, _ in parts)
    expected = "".join(values[name] if name else text.replace("$$", "$") for text, name in parts)
    assert render_text(text, values) == expected
