"""How a layer is named: `id` (newest version) or `id@version`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from hytopus.errors import HytopusError
from hytopus.kit.ids import is_name

_VERSION: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?")


class BadLayerReference(HytopusError):
    code: ClassVar[str] = "bad_layer_reference"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{text!r} does not name a template layer."
    remedy: ClassVar[str] = (
        "Write it as `id` or `id@version`: ids are lower-case letters, digits, `-` and `_`; "
        "versions also have upper case, `.` and `+`."
    )


@dataclass(frozen=True, slots=True)
class LayerReference:
    """A template, and a version where one was asked for."""

    template_id: str
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> LayerReference:
        template_id, at, version = text.strip().partition("@")
        if not is_name(template_id) or (at and not is_version(version)):
            raise BadLayerReference(text=text)
        return cls(template_id, version or None)

    def __str__(self) -> str:
        return f"{self.template_id}@{self.version}" if self.version else self.template_id


def is_version(text: str) -> bool:
    """Whether a text may be a version: 1 to 64 characters, safe as a folder name (never `.` or `..`)."""
    return _VERSION.fullmatch(text) is not None and ".." not in text
