"""Template directories for tests, written from a mapping of paths to contents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_layer(directory: Path, files: Mapping[str, str | bytes], rules: str = "") -> Path:
    """Make a template directory; gives it back."""
    for name, content in {**files, **({"template.toml": rules} if rules else {})}.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    directory.mkdir(parents=True, exist_ok=True)
    return directory
