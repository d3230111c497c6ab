"""Which crashes have one cause: traces as Java and Luanti servers print them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.games.cause import Cause, Ending, cause_of, normalised

CRASH = Ending("crash", 1)

JAVA = """\
[2026/11/26 21:14:03   INFO] [World|default] Player 'ann' joined world 'default' at location (0.0, 80.0, 0.0)
[2026/11/26 21:14:09 SEVERE] [World|default] Failed to tick
java.lang.RuntimeException: tick 81723 failed in world 3f0e7a52-1111-4a5b-9c3d-0123456789ab
\tat com.hypixel.hytale.server.World.tick(World.java:412)
\tat com.hypixel.hytale.server.Universe.run(Universe.java:98)
\tat java.base/java.lang.Thread.run(Thread.java:1583)
Caused by: java.lang.NullPointerException: Cannot invoke "Chunk.get(int)" because "chunk" is null
\tat net.example.skywars.Islands.lambda$spawn$7(Islands.java:57)
\tat net.example.skywars.Islands.spawn(Islands.java:41)
\tat com.hypixel.hytale.server.World.tick(World.java:401)
\t... 2 more
[2026/11/26 21:14:09   INFO] [HytaleServer] Shutdown completed!
""".splitlines()

JAVA_ELSEWHERE = [
    re.sub(r"'ann'", "'bob'", re.sub(r"21:14", "03:59", re.sub(r"81723", "12", re.sub(r"3f0e7a52", "aaaaaaaa", line))))
    for line in ["[2026/11/27 03:00:00   INFO] one more line before it", *JAVA]
]

MAIN = """\
Exception in thread "main" java.lang.UnsupportedClassVersionError: HytaleServer was compiled by a more recent version
\tat java.base/java.lang.ClassLoader.defineClass1(Native Method)
\tat java.base/java.lang.ClassLoader.defineClass(ClassLoader.java:1027)
""".splitlines()

LUANTI = """\
2026-11-26 21:14:09: ACTION[Server]: ann joins game. List of players: ann
2026-11-26 21:14:12: ERROR[Main]: ServerError: AsyncErr: Lua: Runtime error from mod 'hytopus_kit' in callback on_joinplayer(): /data/world/worldmods/hytopus_kit/init.lua:12: attempt to index a nil value (local 'player')
2026-11-26 21:14:12: ERROR[Main]: stack traceback:
2026-11-26 21:14:12: ERROR[Main]: 	/data/world/worldmods/hytopus_kit/init.lua:12: in function 'give'
2026-11-26 21:14:12: ERROR[Main]: 	/usr/share/games/minetest/builtin/game/register.lua:430: in function </usr/share/games/minetest/builtin/game/register.lua:414>
""".splitlines()  # noqa: E501 - as the server prints it

LUANTI_ELSEWHERE = [line.replace("21:14:1", "09:00:5").replace("init.lua:12", "init.lua:14") for line in LUANTI]


def cause(lines: list[str], ending: Ending = CRASH, **rules: tuple[str, ...]) -> Cause:
    return cause_of(ending, lines, **rules)


def test_a_java_crash_is_its_root_cause_and_the_frames_nearest_to_it() -> None:
    found = cause(JAVA)
    assert found.title == (
        'java.lang.NullPointerException: Cannot invoke "Chunk.get(int)" because "chunk" is null'
        " at net.example.skywars.Islands.spawn"
    )
    assert re.fullmatch(r"[0-9a-f]{12}", found.fingerprint)


@pytest.mark.parametrize(("one", "other"), [(JAVA, JAVA_ELSEWHERE), (LUANTI, LUANTI_ELSEWHERE)])
def test_the_same_cause_at_another_time_and_place_is_the_same(one: list[str], other: list[str]) -> None:
    assert one != other
    assert cause(one) == cause(other)


def test_another_frame_another_exception_another_exit_code_are_other_causes() -> None:
    others = [
        cause([line.replace("Islands.spawn", "Islands.refill") for line in JAVA]),
        cause([line.replace("NullPointerException", "IllegalStateException") for line in JAVA]),
        cause(JAVA, Ending("crash", 3)),
        cause(JAVA, Ending("configuration", 1)),
    ]
    assert len({found.fingerprint for found in [cause(JAVA), *others]}) == 5


def test_the_exception_that_ends_the_main_thread_is_named() -> None:
    assert cause(MAIN).title.startswith("java.lang.UnsupportedClassVersionError: HytaleServer was compiled")


def test_a_luanti_crash_is_its_error_and_the_lua_frames() -> None:
    title = cause(LUANTI).title
    assert title.startswith(
        "ServerError: AsyncErr: Lua: Runtime error from mod 'hytopus_kit' in callback on_joinplayer()"
    )
    assert "attempt to index a nil value" in title


def test_what_the_game_says_comes_first() -> None:
    lines = [*JAVA, "[21:15:00 SEVERE] Failed to bind to /0.0.0.0:5520", "[21:15:01   INFO] bye"]
    found = cause(lines, patterns=("Failed to bind",))
    assert found.title == "Failed to bind to /#:#"
    assert found != cause(lines)


def test_a_pattern_that_names_an_exception_takes_its_stack_along() -> None:
    lines = ["java.lang.OutOfMemoryError: Java heap space", "\tat net.example.Cache.grow(Cache.java:9)", "bye"]
    assert cause(lines, patterns=("OutOfMemoryError",)).title == (
        "java.lang.OutOfMemoryError: Java heap space at net.example.Cache.grow"
    )


def test_without_a_stack_the_last_complaint_counts() -> None:
    lines = ["[1.01   INFO] loading", "[1.02  ERROR] world 17 is damaged", "[1.03   INFO] bye"]
    assert cause(lines).title == "world # is damaged"
    assert cause(["\x1b[31mone word\x1b[0m", ""]).title == "one word"


@pytest.mark.parametrize(
    ("ending", "title"),
    [
        (Ending("oom", 137, 9, oom=True), "It ran out of memory."),
        (Ending("hang", 137, 9), "It did not answer any more."),
        (Ending("vanished"), "Its container was removed."),
        (Ending("crash", 139, 11), "Signal 11 ended it, without a word."),
        (Ending("crash", 3), "It ended with exit code 3, without a word."),
    ],
)
def test_what_needs_no_words_or_has_none(ending: Ending, title: str) -> None:
    assert cause([], ending).title == title


def test_running_out_of_memory_does_not_depend_on_what_was_said_last() -> None:
    ending = Ending("oom", 137, 9, oom=True)
    assert cause(JAVA, ending) == cause(LUANTI, ending)


@given(st.lists(st.text(max_size=60), max_size=30), st.sampled_from(["crash", "hang", "oom", "configuration"]))
def test_any_output_has_a_cause(lines: list[str], kind: str) -> None:
    found = cause(lines, Ending(kind, 1, oom=kind == "oom"))
    assert re.fullmatch(r"[0-9a-f]{12}", found.fingerprint)
    assert len(found.title) <= 200


@pytest.mark.parametrize(
    "line", ["a." * 2_000 + "Error" * 800 + "!", "a" * 8_000, "a." * 4_000, "[" + " " * 8_000, "assert" * 1_300 + "!"]
)
def test_no_output_keeps_the_agent_busy(line: str) -> None:
    """Nothing else happens on a node meanwhile."""
    began = time.process_time()
    cause([line, "\tat x("] * 60, CRASH)
    cause(["stack traceback:", line] * 60, CRASH)
    assert time.process_time() - began < 1


@given(st.integers(0, 2**40), st.uuids())
def test_numbers_and_ids_do_not_count(number: int, uuid: object) -> None:
    assert normalised(f"chunk {number} of {uuid} at 0x{number:x}") == "chunk # of <id> at <address>"
