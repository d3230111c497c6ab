"""`python -m bench.files --work DIR [--quick]`: print the file rows."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from bench.files.run import measure


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="a directory that can hold mount points")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data; the ratios mean less")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hytopus-bench-", dir=options.work) as work:
        rows = asyncio.run(measure(Path(work), quick=options.quick))
    for row in rows:
        target = "" if row.target is None else f"target {row.target:g}"
        print(
            f"{'ok  ' if row.ok else 'MISS'} {row.name:75} {row.baseline:14.4f} {row.ours:12.6f} {row.unit}"
            f" {row.ratio:10.2f} {target}"
        )
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
