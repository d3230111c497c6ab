"""Fails when a file or a function grows past what one can read in one go. Generated code is left out."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FILE_LINES: Final = 600
FUNCTION_LINES: Final = 60
GENERATED: Final = ("src/hytopus/wire/pb/", "src/hytopus/brain/db/migrations/")


def main() -> int:
    problems = [problem for file in sources() for problem in too_long(file)]
    print("\n".join(problems) or "Every file and every function is short enough.")
    return 1 if problems else 0


def sources() -> Iterator[Path]:
    """The repository's own Python files, those not yet committed included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        if not name.startswith(GENERATED) and Path(name).is_file():
            yield Path(name)


def too_long(file: Path) -> Iterator[str]:
    text = file.read_text()
    if (lines := text.count("\n")) > FILE_LINES:
        yield f"{file}: {lines} lines; split it (the limit is {FILE_LINES})"
    for node in ast.walk(ast.parse(text, str(file))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = body_lines(node)
            if length > FUNCTION_LINES:
                yield f"{file}:{node.lineno}: {node.name} has {length} lines (the limit is {FUNCTION_LINES})"


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code; neither the signature nor the docstring, which for a command is its help."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


if __name__ == "__main__":
    sys.exit(main())
