"""Shapes of templates and uploads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hytopus.brain.http.schemas import Output, Schema
from hytopus.brain.templates.models import Template, TemplateVersion, Upload
from hytopus.brain.templates.uploads import SMALLEST_PART
from hytopus.layers.rules import TemplateRules, TemplateType

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Format = Literal["tar.zst", "tar.gz", "tar"]


class VersionOut(Output):
    template_id: str
    version: str
    checksum: str
    """sha256 of the tarball, hex."""
    size: int
    s3_key: str
    format: Format
    files: int
    rules: TemplateRules
    created_at: datetime
    created_by: str
    used_by: list[str]
    """Names of the instances that lock this version."""

    @classmethod
    def of(cls, version: TemplateVersion, used_by: Sequence[str] = ()) -> VersionOut:
        return cls(
            template_id=version.template_id,
            version=version.version,
            checksum=version.checksum,
            size=version.size,
            s3_key=version.s3_key,
            format=version.format,  # type: ignore[arg-type]  # the database holds only these
            files=version.files,
            rules=version.template_rules,
            created_at=version.created_at,
            created_by=version.created_by,
            used_by=list(used_by),
        )


class TemplateOut(Output):
    id: str
    type: TemplateType
    description: str
    tags: list[str]
    created_at: datetime
    updated_at: datetime
    newest: VersionOut | None
    versions: int
    usage: int
    """How many instances use any of its versions."""

    @classmethod
    def of(cls, template: Template, newest: VersionOut | None, versions: int, usage: int) -> TemplateOut:
        return cls(
            id=template.id,
            type=template.type,
            description=template.description,
            tags=template.tags,
            created_at=template.created_at,
            updated_at=template.updated_at,
            newest=newest,
            versions=versions,
            usage=usage,
        )


class ChangeTemplate(Schema):
    type: TemplateType | None = None
    description: Annotated[str | None, Field(max_length=2000)] = None
    tags: Annotated[list[Tag] | None, Field(max_length=50)] = None


class BeginUpload(Schema):
    size: Annotated[int, Field(ge=1, le=1 << 42)]
    checksum: Sha256
    format: Format = "tar.zst"
    files: Annotated[int, Field(ge=0, le=10_000_000)]
    rules: TemplateRules = TemplateRules()
    """What the tarball's `template.toml` says."""
    part_size: Annotated[int | None, Field(ge=SMALLEST_PART, le=5 << 30)] = None


class UploadOut(Output):
    state: Literal["open", "exists"]
    """`exists`: this content is there already, and there is nothing to upload."""
    upload_id: str | None
    part_size: int
    parts: int
    """All parts have `part_size` bytes but the last one."""
    s3_key: str
    version: VersionOut | None

    @classmethod
    def of(cls, upload: Upload) -> UploadOut:
        return cls(
            state="open",
            upload_id=upload.id,
            part_size=upload.part_size,
            parts=upload.parts,
            s3_key=upload.s3_key,
            version=None,
        )

    @classmethod
    def existing(cls, version: TemplateVersion) -> UploadOut:
        shown = VersionOut.of(version)
        return cls(state="exists", upload_id=None, part_size=0, parts=0, s3_key=version.s3_key, version=shown)


class PartWanted(Schema):
    number: Annotated[int, Field(ge=1, le=10_000)]
    sha256: Sha256


class SignParts(Schema):
    parts: Annotated[list[PartWanted], Field(min_length=1, max_length=1000)]


class SignedPart(Output):
    number: int
    url: str
    headers: dict[str, str]
    """To be sent exactly like this; the store refuses a part whose bytes do not have its sha256."""


class SignedParts(Output):
    parts: list[SignedPart]
    expires_at: datetime


class PartDone(Schema):
    number: Annotated[int, Field(ge=1, le=10_000)]
    etag: Annotated[str, Field(min_length=1, max_length=200)]
    sha256: Sha256


class CompleteUpload(Schema):
    parts: Annotated[list[PartDone], Field(min_length=1, max_length=10_000)]


class DownloadOut(Output):
    url: str
    """Good for a single object and a short time; needs no other right."""
    expires_at: datetime
    size: int
    checksum: str
    format: Format
