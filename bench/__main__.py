"""`python -m bench [files|system|panel|scale] [--quick]`: measure, print a table, write `bench/results.json`.

Every row has its baseline in the same run; only the ratios mean anything on another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.files import run as files
from bench.files.row import Row
from bench.panel import run as panel
from bench.scale import run as scale
from bench.system import run as system

RESULTS: Final = Path(__file__).parent / "results.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=["files", "system", "panel", "scale", "all"], default="all")
    parser.add_argument("--work", type=Path, help="a directory that can hold mount points")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data; the ratios mean less")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hytopus-bench-", dir=options.work, ignore_cleanup_errors=True) as work:
        rows = asyncio.run(_measure(options.part, Path(work), quick=options.quick))
    _write(rows)
    Console(width=160).print(_table(rows))
    return 0 if all(row.ok for row in rows) else 1


async def _measure(part: str, work: Path, *, quick: bool) -> list[Row]:
    rows: list[Row] = []
    if part in ("files", "all"):
        rows += await files.measure(work, quick=quick)
    if part in ("system", "all"):
        rows += await system.measure(work)
    if part in ("panel", "all"):
        rows += await panel.measure()
    if part in ("scale", "all"):
        rows += await scale.measure(work, quick=quick)
    return rows


def _table(rows: list[Row]) -> Table:
    table = Table("what", "baseline", "Hytopus", "ratio", "target", "")
    for row in rows:
        target = "–" if row.target is None else f"{row.target:g}"
        mark = "ok" if row.ok else "[bold red]missed[/]"
        figures = (f"{row.baseline:.4g} {row.unit}", f"{row.ours:.4g} {row.unit}", f"{row.ratio:.4g}")
        table.add_row(row.name, *figures, target, mark)
    return table


def _write(rows: list[Row]) -> None:
    machine = {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}
    content = {"at": datetime.now(UTC).isoformat(), "machine": machine, "rows": [asdict(row) for row in rows]}
    RESULTS.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
