"""What the Brain says about a layer that a node needs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LayerSource:
    """One template version and where its tarball is. `size` in bytes, 0 where unknown; `url` is presigned."""

    template_id: str
    version: str
    checksum: str
    """SHA-256 of the tarball, in hex."""
    size: int
    url: str = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.template_id}@{self.version}"
