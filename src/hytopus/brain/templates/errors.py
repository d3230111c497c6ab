"""What can be wrong with templates."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class TemplateNotFound(HytopusError):
    code: ClassVar[str] = "template_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no template {template_id!r}{hint}."
    remedy: ClassVar[str] = "`hytopus template list` shows what there is."


class TemplateVersionNotFound(HytopusError):
    code: ClassVar[str] = "template_version_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "Template {template_id!r} has no version {version!r}{hint}."
    remedy: ClassVar[str] = "Name one of its versions, or leave the version out for the newest."


class VersionExists(HytopusError):
    code: ClassVar[str] = "version_exists"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{name} exists already, with other content (sha256 {checksum})."
    remedy: ClassVar[str] = "A version never changes: push the new content as a new version."


class TemplateInUse(HytopusError):
    code: ClassVar[str] = "template_in_use"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{name} is used by {listed}."
    remedy: ClassVar[str] = "Destroy or upgrade these instances first."


class UploadNotFound(HytopusError):
    code: ClassVar[str] = "upload_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no upload {upload_id!r} of {name} under way."
    remedy: ClassVar[str] = "It was completed or aborted, or took longer than a day: begin it again."


class UploadIncomplete(HytopusError):
    code: ClassVar[str] = "upload_incomplete"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "What was uploaded for {name} has {found} bytes instead of {expected}."
    remedy: ClassVar[str] = "Push it again."


class BadParts(HytopusError):
    code: ClassVar[str] = "bad_parts"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The parts of this upload are 1 to {parts}: {why}."


class BadPartSize(HytopusError):
    code: ClassVar[str] = "bad_part_size"
    status: ClassVar[int] = 422
    template: ClassVar[str] = (
        "{size} bytes in parts of {part_size} would be {parts} parts; at most {limit} are allowed."
    )
    remedy: ClassVar[str] = "Leave `part_size` out, and Hytopus chooses one that fits."


class BlobBusy(HytopusError):
    code: ClassVar[str] = "blob_busy"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "The object {s3_key!r} is just being deleted."
    remedy: ClassVar[str] = "Try again in a few seconds."
    retryable: ClassVar[bool] = True
