"""How the process in a fake container behaves: read from the container's own environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hytopus.node.runtime.base import ContainerSpec

READY_LINE: Final = "[HytaleServer] Hytale Server Booted! [Multiplayer] took 1ms"
STOPPED_LINE: Final = "[HytaleServer] Shutdown completed!"

START_ERRORS: Final = frozenset({"port_taken", "image_missing", "disk_full", "fault", "unavailable"})


@dataclass(frozen=True, slots=True)
class Script:
    """Times are in seconds of the runtime's clock."""

    start_takes: float = 0
    start_error: str = ""
    """One of `START_ERRORS`; empty for a start that works."""
    ready_after: float | None = 0
    """None: never ready."""
    ready_line: str = READY_LINE
    run_for: float | None = None
    """How long it runs after the start before it ends with `exit_code`; None: until it is stopped."""
    exit_code: int = 0
    oom: bool = False
    ignore_stop: bool = False
    ignore_signals: bool = False
    stop_takes: float = 0
    memory_mb: float = 64
    cpu_percent: float = 5


Scripting = Callable[[ContainerSpec], Script]


def script_of(spec: ContainerSpec) -> Script:
    """The script in the variables `FAKE_START_TAKES`, `FAKE_READY_AFTER` (a number or `never`), `FAKE_IGNORE_STOP` …

    Every field of `Script` is a variable; what is not set is as in an obedient server that is ready at once.
    """
    return read_script({name.removeprefix("FAKE_"): value for name, value in spec.environment.items()})


def read_script(values: Mapping[str, str]) -> Script:
    """The same from names without the prefix; raises ValueError for a value that makes no sense."""
    error = values.get("START_ERROR", "")
    if error and error not in START_ERRORS:
        raise ValueError(f"FAKE_START_ERROR is {error!r}; it may be {', '.join(sorted(START_ERRORS))}")
    ready_after = values.get("READY_AFTER", "0")
    run_for = values.get("RUN_FOR")
    return Script(
        start_takes=float(values.get("START_TAKES", 0)),
        start_error=error,
        ready_after=None if ready_after == "never" else float(ready_after),
        ready_line=values.get("READY_LINE", READY_LINE),
        run_for=None if run_for is None else float(run_for),
        exit_code=int(values.get("EXIT_CODE", 0)),
        oom=_flag(values, "OOM"),
        ignore_stop=_flag(values, "IGNORE_STOP"),
        ignore_signals=_flag(values, "IGNORE_SIGNALS"),
        stop_takes=float(values.get("STOP_TAKES", 0)),
        memory_mb=float(values.get("MEMORY_MB", 64)),
        cpu_percent=float(values.get("CPU_PERCENT", 5)),
    )


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a console line brings about: output, an orderly stop, or an end with an exit code."""

    say: str = ""
    stop: bool = False
    exit_code: int | None = None
    hang: bool = False
    """It answers nothing from then on, and only SIGKILL ends it."""


def react(line: str) -> Reaction:
    """To the console lines that the stand-in game understands too."""
    match line.removeprefix("/").split():
        case ["stop"]:
            return Reaction(stop=True)
        case ["crash", *code]:
            return Reaction(exit_code=int(code[0]) if code else 1)
        case ["exit", *code]:
            return Reaction(exit_code=int(code[0]) if code else 0)
        case ["fake", "hang"]:
            return Reaction(hang=True)
        case ["who"]:
            return Reaction(say="default (0): : (empty)")
        case ["fake", "join", name]:
            return Reaction(say=f"[World|default] Player '{name}' joined world 'default' at location (0, 80, 0)")
        case ["fake", "leave", name]:
            return Reaction(say=f"[Universe|P] Removing player '{name}'")
        case ["fake", "line", *words]:
            return Reaction(say=" ".join(words))
        case []:
            return Reaction()
        case words:
            return Reaction(say=f"Command not found! {words[0]}")


def _flag(values: Mapping[str, str], name: str) -> bool:
    return values.get(name, "").lower() in {"1", "true", "yes"}
