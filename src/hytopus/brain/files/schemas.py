"""Shapes of files in the API.

A path is relative and uses `/`. What could confuse a screen is written as `%XX`: control characters, bytes that are not
UTF-8, and `%` itself. Digests are SHA-256 in hex.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from hytopus.brain.http.parameters import LARGEST
from hytopus.brain.http.schemas import Output, Schema, is_text
from hytopus.brain.instances.schemas import LayerOut, LayerText, PreviewInstance, ProblemOut

TEXT_LIMIT = 1 << 20
Path = Annotated[str, StringConstraints(min_length=1, max_length=12_000)]
Digest = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64}|\*|)$")]
Seen = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64}|)$")]
Change = Literal["none", "changed", "added", "deleted"]
Encoding = Literal["utf-8", "other", "binary"]


def _keepable(text: str) -> str:
    if not is_text(text):
        raise ValueError("holds a character that cannot be kept")
    return text


class FileOut(Output):
    """One path, and where it comes from."""

    path: str
    kind: Literal["file", "folder", "link", "special"]
    size: int
    mode: int
    modified_at: datetime | None
    """Only of what the server (or an operator) wrote."""
    target: str
    """Of a link; it is never followed."""
    layer: str | None
    """`id@version` of the layer it came from; null for what the server added."""
    overrode: list[str]
    """Layers whose file the winner replaced, nearest first."""
    substituted: bool
    change: Change
    """What the server (or an operator) did to it since it was prepared."""


class FilesOut(Output):
    files: list[FileOut]
    next: str | None
    """For `after`; null on the last page."""
    complete: bool
    """False where a search gave up because there are too many files."""


class FileContent(FileOut):
    text: str
    """Empty for a binary file. Values of secret variables are marks: `⟦NAME⟧`."""
    encoding: Encoding
    digest: str
    """To be sent with a change; empty where the file is too large to be shown whole."""
    cut: bool
    masked: list[str]


class PlaceOut(Output):
    line: int
    name: str


class DraftContent(FileContent):
    source: str | None
    """The file as the template has it, where it was rendered."""
    unresolved: list[PlaceOut]


class WriteFile(Schema):
    text: Annotated[str, StringConstraints(max_length=TEXT_LIMIT)]
    """Marks of secrets are turned back into their values."""
    digest: Digest
    """Of the file as it was seen; empty where there must be none yet; `*` for whatever is there."""


class ChangedFile(Output):
    """Kept in events and in the audit log."""

    path: Annotated[str, StringConstraints(max_length=12_000), AfterValidator(_keepable)]
    before: Seen
    """Digest; empty where there was no file."""
    after: Seen
    """Digest; empty where there is none any more."""
    size: Annotated[int, Field(ge=0, le=LARGEST)]


class DraftFiles(Schema):
    draft: PreviewInstance
    folder: Annotated[str, StringConstraints(max_length=12_000)] = ""
    glob: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    after: Annotated[str, StringConstraints(max_length=12_000)] = ""


class DraftConfigs(Schema):
    draft: PreviewInstance


class DraftPath(Schema):
    draft: PreviewInstance
    path: Path


class ConfigOut(Output):
    """A file with placeholders, as it would be."""

    path: str
    layer: str
    size: int
    names: list[str]
    unresolved: list[PlaceOut]
    """Placeholders that nothing has a value for: the preparation would fail."""


class MissingFile(Output):
    path: str
    layer: str
    """The layer that requires it."""


class ConfigsOut(Output):
    configs: list[ConfigOut]
    missing: list[MissingFile]
    assumed: dict[str, str]
    """Values that only a creation decides, and what was put in their place."""


class DifferenceOut(Output):
    path: str
    change: Literal["added", "removed", "changed", "mode"]
    kind: Literal["file", "folder", "link", "special"]
    old_layer: str | None
    new_layer: str | None
    old_size: int | None
    new_size: int | None
    own: Change
    """Of an instance: what its server did to it. What it has made its own stays as it is."""


class ComparisonOut(Output):
    files: list[DifferenceOut]
    counts: dict[str, int]
    next: str | None
    rules_diff: str
    """Of two versions of a template: how their `template.toml` differ."""


class SideOut(Output):
    text: str
    encoding: Encoding
    size: int
    cut: bool


class FileComparison(Output):
    path: str
    old: SideOut | None
    new: SideOut | None
    diff: str | None
    """A unified diff; null where a side is binary or too long."""


class PlanUpgrade(Schema):
    layers: Annotated[list[LayerText], Field(min_length=1, max_length=64)] | None = None
    """Absent: the newest version of every layer it has."""
    after: Annotated[str, StringConstraints(max_length=12_000)] = ""


class PlanPath(Schema):
    layers: Annotated[list[LayerText], Field(min_length=1, max_length=64)] | None = None
    path: Path


class PlanOut(ComparisonOut):
    """What an upgrade would do to the files of an instance."""

    layers: list[LayerOut]
    """What would be locked."""
    configs: list[ConfigOut]
    missing: list[MissingFile]
    problems: list[ProblemOut]
    """What the upgrade would be refused for."""
    prepared: bool
    """False: it has no directory yet, so nothing of its own can be in the way."""
