"""The committed protobuf code is what the contract generates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "src/hytopus/wire/pb"


def test_generated_code_is_current(tmp_path: Path) -> None:
    subprocess.run(
        ["sh", ROOT / "tools/proto.sh", tmp_path],
        check=True,
        capture_output=True,
        env={"PYTHON_BIN": str(Path(sys.executable).parent), "PATH": "/usr/bin:/bin"},
    )
    fresh = {path.name: path.read_text() for path in tmp_path.glob("*_pb2.py*")}
    assert fresh == {path.name: path.read_text() for path in COMMITTED.glob("*_pb2.py*")}
