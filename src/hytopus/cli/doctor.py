"""`hytopus doctor` and `hytopus node doctor`: known problems, each with its remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.extras import needs, reading_settings
from hytopus.cli.terminal.output import plain, print_json, say

_MARKS: Final = {"error": "ERROR", "warning": "WARNING", "note": "NOTE"}


async def doctor(*, options: Options = DEFAULTS) -> int:
    """Look for problems of the network that need a person. Exit code 1 where there is one that is more than a note."""
    async with connect(options) as api:
        found = await api.get("/doctor")
    return _show(found["findings"], as_json=options.json)


def node_doctor(*, data_dir: Path | None = None, json: bool = False) -> int:
    """Look for problems of this machine as a node. Exit code 1 where there is one that is more than a note.

    Parameters
    ----------
    json
        Print JSON on standard output, for scripts.
    """
    with needs("node", "node doctor"):
        from hytopus.kit.clock import SystemClock
        from hytopus.kit.findings import examine
        from hytopus.node.doctor.checks import CHECKS
        from hytopus.node.doctor.facts import gather
        from hytopus.node.identity import load_identity
        from hytopus.node.settings import NodeSettings

    with reading_settings("node"):
        settings = NodeSettings()
    if data_dir is not None:
        settings = settings.model_copy(update={"data_dir": data_dir})
    identity = load_identity(settings.data_dir)
    facts = asyncio.run(gather(settings, identity, SystemClock()))
    return _show([asdict(finding) for finding in examine(facts, CHECKS)], as_json=json)


def _show(findings: Sequence[dict[str, Any]], *, as_json: bool) -> int:
    if as_json:
        print_json(findings)
    elif not findings:
        say("All is well: nothing needs you right now.")
    else:
        for finding in findings:
            _tell(finding)
    return int(any(finding["severity"] != "note" for finding in findings))


def _tell(finding: dict[str, Any]) -> None:
    say(f"{_MARKS[finding['severity']]}: {plain(finding['subject'])}: {plain(finding['what'])}")
    say(f"  {plain(finding['evidence'])}")
    say(f"  -> {plain(finding['remedy'])}")
