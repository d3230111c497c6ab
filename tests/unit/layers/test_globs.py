"""Path patterns."""

from __future__ import annotations

import time

import pytest

from hytopus.layers.globs import compile_glob, matches_any


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "a/b.txt", False),
        ("**/*.txt", "a.txt", True),
        ("**/*.txt", "a/b/c.txt", True),
        ("a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/x/y/c", True),
        ("a/**/b/**/c", "a/1/b/2/3/c", True),
        ("a/**/b/**/c", "a/1/2/3/c", False),
        ("**", "anything/at/all", True),
        ("?/x", "a/x", True),
        ("?/x", "ab/x", False),
        ("[ab]*", "bx", True),
        ("[!ab]*", "bx", False),
        ("[a-c]", "b", True),
        ("[z-a]", "b", False),
        ("a[/]b", "a/b", False),
        ("/config/", "config", True),
        ("a+b.(c)", "a+b.(c)", True),
        ("a*b*c", "aXbYc", True),
        ("a*b*c", "aXcYb", False),
        ("*ab*ab", "abab", True),
    ],
)
def test_a_star_stays_in_its_folder_and_two_cross_folders(pattern: str, path: str, expected: bool) -> None:
    assert bool(compile_glob(pattern).fullmatch(path)) is expected


def test_a_pattern_for_a_folder_covers_what_is_in_it() -> None:
    assert matches_any("world/region/r.0.0", ("world",))
    assert not matches_any("worlds/x", ("world",))


@pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "**/a/" * 40 + "b", "**/*a*a*a*a" * 8])
def test_no_pattern_takes_long(pattern: str) -> None:
    began = time.process_time()
    assert not compile_glob(pattern).fullmatch("a" * 3000)
    assert not compile_glob(pattern).fullmatch("a/" * 1000 + "c")
    assert time.process_time() - began < 2
