"""Changing what is known of templates. The blobs are moved by `uploads.py` and `sweeper.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor
from hytopus.brain.activity.commands import audit, record
from hytopus.brain.db.signals import signal
from hytopus.brain.templates.errors import BlobBusy, TemplateInUse, VersionExists
from hytopus.brain.templates.models import PendingDeletion, Template, TemplateVersion, Upload
from hytopus.brain.templates.queries import Usage, find_version
from hytopus.layers.rules import TemplateRules, TemplateType

SWEEP: Final = "blobs"
"""Signalled when there are blobs to delete."""
_NAMED: Final = 5


async def add_version(session: AsyncSession, upload: Upload, *, actor: Actor, at: datetime) -> TemplateVersion:
    """Make a complete upload a version. Raises `VersionExists` if another content was faster.

    If the same content was faster, its version is returned and nothing changes.
    """
    template = await _hold_template(session, upload, at)
    rival = await find_version(session, upload.template_id, upload.version)
    if rival is not None:
        if rival.checksum != upload.checksum:
            raise VersionExists(name=rival.name, checksum=rival.checksum)
        return rival
    await claim_key(session, upload.s3_key)
    version = _version(upload, await _next_number(session, template.id), at)
    session.add(version)
    _describe(template, upload, at)
    await session.flush()
    after = {"checksum": version.checksum, "size": version.size, "files": version.files}
    audit(session, actor, "template.push", version.name, at=at, after=after)
    _record(session, "template.version_added", template.id, f"{version.name} was added", actor, at, after)
    return version


async def change_template(
    session: AsyncSession,
    template: Template,
    *,
    type: TemplateType | None,
    description: str | None,
    tags: Sequence[str] | None,
    actor: Actor,
    at: datetime,
) -> None:
    """Change what a template is called and where it belongs; its versions stay as they are."""
    before = _facts(template)
    template.type = template.type if type is None else type
    template.description = template.description if description is None else description
    if tags is not None:
        template.tags = list(tags)
    template.updated_at = at
    await session.flush()
    audit(session, actor, "template.change", template.id, at=at, before=before, after=_facts(template))
    _record(session, "template.changed", template.id, f"Template {template.id} was changed", actor, at, {})


async def remove_version(
    session: AsyncSession, version: TemplateVersion, *, usage: Usage, actor: Actor, at: datetime
) -> None:
    """Forget a version; its blob is deleted afterwards. Raises `TemplateInUse`."""
    used = await usage(session, version.template_id)
    _refuse_while_used(version.name, used.get((version.template_id, version.version), ()))
    await session.delete(version)
    await let_go(session, version.s3_key, at)
    audit(session, actor, "template.remove_version", version.name, at=at, before={"checksum": version.checksum})
    _record(session, "template.version_removed", version.template_id, f"{version.name} was removed", actor, at, {})


async def remove_template(
    session: AsyncSession, template: Template, *, usage: Usage, actor: Actor, at: datetime
) -> None:
    """Forget a template with all its versions. Raises `TemplateInUse`."""
    statement = select(TemplateVersion).where(TemplateVersion.template_id == template.id).with_for_update()
    versions = list(await session.scalars(statement))
    used = await usage(session, template.id)
    _refuse_while_used(template.id, sorted({name for names in used.values() for name in names}))
    for version in versions:
        await session.delete(version)
        await let_go(session, version.s3_key, at)
    await session.flush()
    await session.delete(template)
    before = {"versions": [version.version for version in versions]}
    audit(session, actor, "template.remove", template.id, at=at, before=before)
    _record(session, "template.removed", template.id, f"Template {template.id} was removed", actor, at, {})


async def end_upload(session: AsyncSession, upload: Upload) -> None:
    """Forget an upload; its blob stays."""
    await session.execute(delete(Upload).where(Upload.id == upload.id))


async def claim_key(session: AsyncSession, s3_key: str) -> None:
    """The key is going to be used: nothing may delete it. Raises `BlobBusy` if that is happening already."""
    pending = await session.get(PendingDeletion, s3_key, with_for_update=True)
    if pending is None:
        return
    if pending.started:
        raise BlobBusy(s3_key=s3_key)
    await session.delete(pending)
    await session.flush()


async def let_go(session: AsyncSession, s3_key: str, at: datetime) -> None:
    """The blob is to be deleted, unless something refers to it by then."""
    if await session.get(PendingDeletion, s3_key) is None:
        session.add(PendingDeletion(s3_key=s3_key, since=at, started=False))
    signal(session, SWEEP)


async def _hold_template(session: AsyncSession, upload: Upload, at: datetime) -> Template:
    """The template's row, locked, so that only one of its versions is added at a time."""
    held: Template | None = await session.get(Template, upload.template_id, with_for_update=True)
    if held is not None:
        return held
    template = Template(id=upload.template_id, type=TemplateType.CUSTOM, description="", created_at=at, updated_at=at)
    template.tag_rows = []
    try:
        async with session.begin_nested():
            session.add(template)
            await session.flush()
    except IntegrityError:  # on PostgreSQL, another Brain's first version of it came first
        return await session.get_one(Template, upload.template_id, with_for_update=True)
    return template


async def _next_number(session: AsyncSession, template_id: str) -> int:
    statement = select(func.max(TemplateVersion.number)).where(TemplateVersion.template_id == template_id)
    return (await session.scalar(statement) or 0) + 1


def _version(upload: Upload, number: int, at: datetime) -> TemplateVersion:
    return TemplateVersion(
        template_id=upload.template_id,
        version=upload.version,
        number=number,
        checksum=upload.checksum,
        size=upload.size,
        s3_key=upload.s3_key,
        format=upload.format,
        files=upload.files,
        rules=upload.rules,
        created_at=at,
        created_by=upload.created_by,
    )


def _describe(template: Template, upload: Upload, at: datetime) -> None:
    rules = TemplateRules.model_validate(upload.rules)
    template.type, template.description, template.updated_at = rules.type, rules.description, at
    template.tags = list(rules.tags)


def _refuse_while_used(name: str, instances: Sequence[str]) -> None:
    if not instances:
        return
    shown = ", ".join(instances[:_NAMED])
    more = f" and {len(instances) - _NAMED} more" if len(instances) > _NAMED else ""
    raise TemplateInUse(name=name, listed=shown + more, instances=list(instances))


def _facts(template: Template) -> dict[str, Any]:
    return {"type": template.type.value, "description": template.description, "tags": template.tags}


def _record(
    session: AsyncSession,
    kind: str,
    template_id: str,
    message: str,
    actor: Actor,
    at: datetime,
    data: Mapping[str, Any],
) -> None:
    subject = ("template", template_id)
    record(session, kind, subject=subject, message=f"{message}.", at=at, actor=actor, data=data)
