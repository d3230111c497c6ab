"""What can be wrong with a template's tarball, its variables or its files."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class ArchiveUnsafe(HytopusError):
    """An entry that no template may hold."""

    code: ClassVar[str] = "archive_unsafe"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The archive entry {name!r} is refused: {rule}."
    remedy: ClassVar[str] = "Remove or rename it and pack the template again with `hytopus template pack`."


class ArchiveTooLarge(HytopusError):
    code: ClassVar[str] = "archive_too_large"
    status: ClassVar[int] = 413
    template: ClassVar[str] = "The archive is past the limit of {limit} {what} (at entry {name!r})."
    remedy: ClassVar[str] = "Split the template, or raise the node's limit if its content is meant to be this large."


class ArchiveTruncated(HytopusError):
    code: ClassVar[str] = "archive_truncated"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The archive ends too early, at entry {name!r}."
    remedy: ClassVar[str] = "Pack the template again and push it as a new version."


class ArchiveInvalid(HytopusError):
    """Not a tar archive, or a broken one."""

    code: ClassVar[str] = "archive_invalid"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "This is not a usable archive: {why} (near entry {name!r})."
    remedy: ClassVar[str] = "Templates are .tar.zst, .tar.gz or .tar files; pack it with `hytopus template pack`."


class PackRefused(HytopusError):
    """A directory holds something that unpacking would refuse."""

    code: ClassVar[str] = "pack_refused"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{path!r} cannot be part of a template: {rule}."
    remedy: ClassVar[str] = "Remove or rename it and pack again."


class UnresolvedVariables(HytopusError):
    """`places` shows the first ten as `layer:file:line ${NAME}`."""

    code: ClassVar[str] = "variables_unresolved"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{count} placeholder(s) have no value: {places}"
    remedy: ClassVar[str] = (
        "Give the variable a value, declare a default in the layer's template.toml, write `$${{NAME}}` for a literal, "
        "or list the name under substitute.allow_unresolved."
    )


class VariablesMissing(HytopusError):
    code: ClassVar[str] = "variables_missing"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "Required variable(s) without a value: {names}."
    remedy: ClassVar[str] = "Give them with the instance (`--set NAME=value`)."


class RequiredFileMissing(HytopusError):
    code: ClassVar[str] = "required_file_missing"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The finished directory lacks {paths}, which its layers require."
    remedy: ClassVar[str] = "Add the layer that brings it, or take it out of `require` in the template.toml that asks."
