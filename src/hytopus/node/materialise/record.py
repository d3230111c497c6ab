"""What the node remembers of an instance's directory, so that it survives the agent: one small file, replaced whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from hytopus.kit.files import replace_file
from hytopus.node.materialise.clone import Stamp
from hytopus.node.materialise.probe import How

_FILE: Final = "prepared.json"
_STAMPS: Final = "stamps"


@dataclass(frozen=True, slots=True)
class LayerUse:
    """A layer an instance is built of, and the unpacked tree it uses. Bottom first wherever there are several."""

    template_id: str
    version: str
    checksum: str
    link: str

    @property
    def name(self) -> str:
        return f"{self.template_id}@{self.version}"


@dataclass(frozen=True, slots=True)
class Record:
    """`plan`, `rendered` and `squashed` are names of trees; `data` is the cloned directory's, None for an overlay.

    Of `layers[base:]`, without repetitions, the lowest `squashed_layers` are shown by the squashed tree.
    """

    how: How
    layers: tuple[LayerUse, ...]
    plan: str
    rendered: str | None
    base: int
    whiteouts: bool
    squashed: str | None
    squashed_layers: int
    data: str | None
    files: int
    bytes: int
    substituted: int
    secrets: tuple[str, ...]

    def squashing(self, key: str, layers: int) -> Record:
        return replace(self, squashed=key, squashed_layers=layers)

    def cloned_to(self, data: str) -> Record:
        return replace(self, data=data)


def write_record(instance: Path, record: Record, *, durable: bool) -> None:
    """Durable where losing it would lose an instance's own files."""
    replace_file(instance / _FILE, json.dumps(asdict(record)).encode(), durable=durable)


def read_record(instance: Path) -> Record | None:
    """None where there is none, or none that can be read."""
    try:
        data = json.loads((instance / _FILE).read_text())
        layers = tuple(LayerUse(**one) for one in data.pop("layers"))
        return Record(**data | {"how": How(data["how"]), "secrets": tuple(data["secrets"])}, layers=layers)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_stamps(instance: Path, data: str, stamps: Mapping[str, Stamp]) -> None:
    (instance / f"{_STAMPS}.{data}").write_text(json.dumps(stamps))


def read_stamps(instance: Path, data: str) -> dict[str, Stamp]:
    return {path: Stamp(*stamp) for path, stamp in json.loads((instance / f"{_STAMPS}.{data}").read_text()).items()}


def stamps_file(instance: Path, data: str) -> Path:
    return instance / f"{_STAMPS}.{data}"
