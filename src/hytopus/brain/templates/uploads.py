"""How a tarball gets into the object store: begin, presigned parts, complete. The bytes never pass the Brain.

The blob comes first and the record last, so a version that can be seen is always whole. Nothing here holds a
database session over a call to the store.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor
from hytopus.brain.activity.commands import audit
from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import signal
from hytopus.brain.templates.commands import SWEEP, add_version, claim_key, end_upload
from hytopus.brain.templates.errors import BadParts, BadPartSize, UploadIncomplete, UploadNotFound, VersionExists
from hytopus.brain.templates.models import TemplateVersion, Upload
from hytopus.brain.templates.queries import find_version, get_upload
from hytopus.layers.reference import BadLayerReference, LayerReference
from hytopus.layers.rules import TemplateRules
from hytopus.storage.base import ObjectStore, Part, SignedRequest
from hytopus.storage.errors import UploadGone

UPLOAD_LIFETIME: Final = timedelta(hours=24)
URL_SECONDS: Final = 3600
MOST_PARTS: Final = 10_000
_MEBIBYTE: Final = 1 << 20
SMALLEST_PART: Final = 5 * _MEBIBYTE
_USUAL_PART: Final = 16 * _MEBIBYTE


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What somebody is going to upload."""

    template_id: str
    version: str
    size: int
    checksum: str
    format: str
    files: int
    rules: TemplateRules
    part_size: int | None = None

    @property
    def name(self) -> str:
        return f"{self.template_id}@{self.version}"


async def begin(
    database: Database, store: ObjectStore, wanted: NewUpload, *, actor: Actor, at: datetime
) -> Upload | TemplateVersion:
    """Open an upload; or the version itself, if it exists with this content. Raises `VersionExists`."""
    reference = LayerReference.parse(wanted.name)
    if reference.version is None:
        raise BadLayerReference(text=wanted.name)
    part_size, parts = _cut(wanted)
    existing = await _existing(database, store, wanted)
    if existing is not None:
        return existing
    s3_key = f"{store.prefix}templates/{wanted.template_id}/{wanted.version}/{wanted.checksum}.{wanted.format}"
    upload = Upload(
        template_id=wanted.template_id,
        version=wanted.version,
        checksum=wanted.checksum,
        size=wanted.size,
        part_size=part_size,
        parts=parts,
        format=wanted.format,
        files=wanted.files,
        rules=wanted.rules.model_dump(mode="json"),
        s3_key=s3_key,
        s3_upload_id=await store.create_upload(s3_key),
        created_by=actor.name,
        expires_at=at + UPLOAD_LIFETIME,
    )
    async with database.write() as session:
        await claim_key(session, s3_key)
        session.add(upload)
        await session.flush()
        audit(session, actor, "template.begin_upload", wanted.name, at=at, after=_facts(upload))
    return upload


async def sign_parts(store: ObjectStore, upload: Upload, parts: Sequence[tuple[int, str]]) -> list[SignedRequest]:
    """Presigned requests for (number, sha256) of parts, in order. Raises `BadParts`."""
    for number, sha256 in parts:
        if not 1 <= number <= upload.parts:
            raise BadParts(parts=upload.parts, why=f"there is no part {number}")
        if upload.parts == 1 and sha256 != upload.checksum:
            raise BadParts(parts=1, why="a single part has the sha256 of the whole")
    return [
        await store.presign_part(upload.s3_key, upload.s3_upload_id, number, sha256=sha256, expires_s=URL_SECONDS)
        for number, sha256 in parts
    ]


async def complete(
    database: Database, store: ObjectStore, upload: Upload, parts: Sequence[Part], *, actor: Actor, at: datetime
) -> TemplateVersion:
    """Make the upload a version. May be repeated if the Brain died over it.

    Raises `BadParts`, `UploadIncomplete`, `VersionExists` if other content was faster, `UploadGone`.
    """
    if [part.number for part in sorted(parts, key=lambda part: part.number)] != list(range(1, upload.parts + 1)):
        raise BadParts(parts=upload.parts, why="each of them must be given once")
    name = f"{upload.template_id}@{upload.version}"
    if (version := await _faster(database, store, upload, at)) is not None:
        async with database.write() as session:
            audit(session, actor, "template.push", name, at=at, after={"unchanged": True})
        return version
    found = await _assemble(store, upload, parts)
    if found != upload.size:
        await _give_up(database, upload, at)
        raise UploadIncomplete(name=name, expected=upload.size, found=found)
    try:
        async with database.write() as session:
            version = await add_version(session, upload, actor=actor, at=at)
            await end_upload(session, upload)
            if not session.info.get("hytopus.audited"):
                audit(session, actor, "template.push", name, at=at, after={"unchanged": True})
    except VersionExists:
        await _give_up(database, upload, at)
        raise
    return version


def give_up(session: AsyncSession, upload: Upload, *, at: datetime) -> None:
    """End an upload before its time. The sweeper throws away what there is of it."""
    upload.expires_at = at
    signal(session, SWEEP)


async def open_upload(session: AsyncSession, template_id: str, version: str, upload_id: str, *, at: datetime) -> Upload:
    """An upload that is not over. Raises `UploadNotFound`."""
    upload = await get_upload(session, template_id, version, upload_id)
    if upload.expires_at <= at:
        raise UploadNotFound(upload_id=upload_id, name=f"{template_id}@{version}")
    return upload


async def _faster(database: Database, store: ObjectStore, upload: Upload, at: datetime) -> TemplateVersion | None:
    """The version, if another upload has made it meanwhile: its blob must not be put anew, with whatever bytes.

    Raises `VersionExists` if that one has other content.
    """
    try:
        version = await _existing(database, store, upload)
    except VersionExists:
        await _give_up(database, upload, at)
        raise
    if version is not None:
        await _give_up(database, upload, at)
    return version


async def _existing(database: Database, store: ObjectStore, wanted: NewUpload | Upload) -> TemplateVersion | None:
    """The version, if it has this content and its blob is there. A blob that was lost may be uploaded again."""
    async with database.read() as session:
        version = await find_version(session, wanted.template_id, wanted.version)
    if version is None:
        return None
    if version.checksum != wanted.checksum:
        raise VersionExists(name=version.name, checksum=version.checksum)
    return version if await store.head(version.s3_key) is not None else None


async def _assemble(store: ObjectStore, upload: Upload, parts: Sequence[Part]) -> int:
    """Put the parts together; the blob's size. An upload that is gone may be one that was completed before."""
    try:
        await store.complete_upload(upload.s3_key, upload.s3_upload_id, parts)
    except UploadGone:
        size = await store.head(upload.s3_key)
        if size is None:
            raise
        return size
    return await store.head(upload.s3_key) or 0


async def _give_up(database: Database, upload: Upload, at: datetime) -> None:
    async with database.write() as session:
        held = await session.get(Upload, upload.id)
        if held is not None:
            give_up(session, held, at=at)


def _cut(wanted: NewUpload) -> tuple[int, int]:
    """Size and number of the parts. Raises `BadPartSize`."""
    fitting = math.ceil(wanted.size / MOST_PARTS / _MEBIBYTE) * _MEBIBYTE
    part_size = wanted.part_size or max(_USUAL_PART, fitting)
    parts = math.ceil(wanted.size / part_size)
    if parts > MOST_PARTS:
        raise BadPartSize(size=wanted.size, part_size=part_size, parts=parts, limit=MOST_PARTS)
    return part_size, parts


def _facts(upload: Upload) -> dict[str, Any]:
    return {"checksum": upload.checksum, "size": upload.size, "upload_id": upload.id}
