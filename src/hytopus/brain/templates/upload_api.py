"""Routes of uploads."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Response

from hytopus.brain.accounts.dependencies import ActorDep
from hytopus.brain.activity.commands import audit
from hytopus.brain.http.dependencies import ClockDep, DatabaseDep, ReadDep, StoreDep, WriteDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.templates import uploads
from hytopus.brain.templates.errors import (
    BadParts,
    BadPartSize,
    BlobBusy,
    UploadIncomplete,
    UploadNotFound,
    VersionExists,
)
from hytopus.brain.templates.models import Upload
from hytopus.brain.templates.schemas import (
    BeginUpload,
    CompleteUpload,
    SignedPart,
    SignedParts,
    SignParts,
    UploadOut,
    VersionOut,
)
from hytopus.layers.reference import BadLayerReference
from hytopus.storage.base import Part
from hytopus.storage.errors import PartsDoNotMatch, S3Denied, S3Unreachable, UploadGone

router = feature_router("templates")

_VERSION = "/templates/{template_id}/versions/{version}/uploads"
_UPLOAD = _VERSION + "/{upload_id}"


@router.post(
    _VERSION,
    status_code=201,
    responses={
        200: {"model": UploadOut, "description": "This content is there already"},
        **problems(BadLayerReference, BadPartSize, VersionExists, BlobBusy, S3Unreachable, S3Denied),
    },
)
async def begin_upload(
    template_id: str,
    version: str,
    body: BeginUpload,
    response: Response,
    database: DatabaseDep,
    store: StoreDep,
    clock: ClockDep,
    actor: ActorDep,
) -> UploadOut:
    """Begin to upload a version. It is visible once the upload is complete."""
    wanted = uploads.NewUpload(template_id, version, **{name: getattr(body, name) for name in BeginUpload.model_fields})
    begun = await uploads.begin(database, store, wanted, actor=actor, at=clock.now())
    if isinstance(begun, Upload):
        return UploadOut.of(begun)
    response.status_code = 200
    return UploadOut.existing(begun)


@router.post(_UPLOAD + "/parts", responses=problems(UploadNotFound, BadParts))
async def sign_parts(
    template_id: str,
    version: str,
    upload_id: str,
    body: SignParts,
    session: ReadDep,
    store: StoreDep,
    clock: ClockDep,
) -> SignedParts:
    """URLs to PUT the parts to, good for an hour."""
    upload = await uploads.open_upload(session, template_id, version, upload_id, at=clock.now())
    signed = await uploads.sign_parts(store, upload, [(part.number, part.sha256) for part in body.parts])
    return SignedParts(
        parts=[
            SignedPart(number=part.number, url=request.url, headers=dict(request.headers))
            for part, request in zip(body.parts, signed, strict=True)
        ],
        expires_at=clock.now() + timedelta(seconds=uploads.URL_SECONDS),
    )


@router.post(
    _UPLOAD + "/complete",
    status_code=201,
    responses=problems(
        UploadNotFound, BadParts, UploadIncomplete, VersionExists, UploadGone, PartsDoNotMatch, S3Unreachable, S3Denied
    ),
)
async def complete_upload(
    template_id: str,
    version: str,
    upload_id: str,
    body: CompleteUpload,
    database: DatabaseDep,
    store: StoreDep,
    clock: ClockDep,
    actor: ActorDep,
) -> VersionOut:
    """Make the uploaded parts the version."""
    async with database.read() as session:
        upload = await uploads.open_upload(session, template_id, version, upload_id, at=clock.now())
    parts = [Part(part.number, part.etag, part.sha256) for part in body.parts]
    return VersionOut.of(await uploads.complete(database, store, upload, parts, actor=actor, at=clock.now()))


@router.delete(_UPLOAD, status_code=204, responses=problems(UploadNotFound))
async def abort_upload(
    template_id: str, version: str, upload_id: str, session: WriteDep, clock: ClockDep, actor: ActorDep
) -> None:
    """Give an upload up; its parts are thrown away."""
    upload = await uploads.open_upload(session, template_id, version, upload_id, at=clock.now())
    uploads.give_up(session, upload, at=clock.now())
    audit(session, actor, "template.abort_upload", f"{template_id}@{version}", at=clock.now())
