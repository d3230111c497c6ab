"""`cli.md`: every command, out of the command tree itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hytopus.cli.app import build
from hytopus.cli.parse import duration, megabytes

_COMMON = """
Sizes (`--memory`, `--disk`) are megabytes, or a number with `M`, `G` or `T`. Times (`--expires`, `--deadline`,
`--since`) are seconds, or a number with `s`, `m`, `h`, `d` or `w`. Every command that talks to a Brain takes `--json`,
which prints one JSON document on standard output (or one per line, where lines follow each other) and errors as JSON
on standard error.

Which Brain, and as whom: `--url`, else `HYTOPUS_URL`, else the one of `hytopus login`, else `http://127.0.0.1:8420`;
`HYTOPUS_TOKEN`, else the token of `hytopus login`. The login is kept in `~/.config/hytopus/config.toml`
(`HYTOPUS_CONFIG` or `XDG_CONFIG_HOME` move it).

| Exit code | Means |
| --- | --- |
| 0 | done |
| 1 | failed; also: `lint` found errors, `diff` found differences, `node status` found no agent |
| 2 | wrong usage |
| 3 | not found |
| 4 | not allowed, or not logged in |
| 5 | conflict: the thing is not in a state in which that is possible |
| 6 | the Brain cannot be reached |
| 130 | interrupted |
"""


def page() -> str:
    assert megabytes("2G", "") == 2048, "the page says what G means"
    assert duration("2m", "").total_seconds() == 120, "the page says what m means"
    with _called_as("hytopus"):
        _, _, generated = build().generate_docs(recursive=True).partition("\n")
    intro, _, commands = generated.partition("## hytopus up")
    contents = re.search(r"^- \[`up`\].*?(?=^\*\*)", intro, re.MULTILINE | re.DOTALL)
    assert contents is not None, "the generated page begins with its contents"
    return f"# Command line\n{_COMMON}\n{contents[0].rstrip()}\n\n## hytopus up{commands}"


@contextmanager
def _called_as(program: str) -> Iterator[None]:
    """The usage lines show how the program was called, which here is in quite another way."""
    arguments, sys.argv = sys.argv, [program]
    try:
        yield
    finally:
        sys.argv = arguments
