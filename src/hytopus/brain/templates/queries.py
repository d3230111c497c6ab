"""Looking up templates, and turning references into versions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Select, bindparam, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.nearest import as_hint, nearest
from hytopus.brain.templates.errors import TemplateNotFound, TemplateVersionNotFound, UploadNotFound
from hytopus.brain.templates.models import Template, TemplateTag, TemplateVersion, Upload
from hytopus.layers.reference import LayerReference
from hytopus.layers.rules import TemplateType

Usage = Callable[[AsyncSession, str | None], Awaitable[Mapping[tuple[str, str], Sequence[str]]]]
"""(template id, version) -> names of the instances that lock it; of one template, or of all."""

_SHOWN: Final = 10

_OF_TEMPLATE: Final = select(TemplateVersion).where(TemplateVersion.template_id == bindparam("template"))
_NEWEST: Final = _OF_TEMPLATE.order_by(TemplateVersion.number.desc()).limit(1)
_ONE: Final = _OF_TEMPLATE.where(TemplateVersion.version == bindparam("version"))


async def resolve(
    session: AsyncSession, references: Sequence[LayerReference], *, lock: bool = False
) -> list[TemplateVersion]:
    """The versions meant, in order; `id` alone means the newest.

    With `lock` they cannot be deleted before the transaction ends. Raises `TemplateNotFound`,
    `TemplateVersionNotFound`, both with what there is instead.
    """
    return [await _resolve(session, reference, lock) for reference in references]


async def get_version(session: AsyncSession, template_id: str, version: str, *, lock: bool = False) -> TemplateVersion:
    """That version; `lock` for whoever is going to delete it."""
    statement = _one(template_id, version)
    found = await session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise await _nothing(session, template_id, version)
    return found


async def find_version(session: AsyncSession, template_id: str, version: str) -> TemplateVersion | None:
    return await session.scalar(_one(template_id, version))


async def get_versions(
    session: AsyncSession, names: Collection[tuple[str, str]]
) -> dict[tuple[str, str], TemplateVersion]:
    """Those of the versions that exist, by (template id, version)."""
    if not names:
        return {}
    statement = select(TemplateVersion).where(
        tuple_(TemplateVersion.template_id, TemplateVersion.version).in_(list(names))
    )
    return {(each.template_id, each.version): each for each in await session.scalars(statement)}


async def get_template(session: AsyncSession, template_id: str, *, lock: bool = False) -> Template:
    statement = select(Template).where(Template.id == template_id)
    found = await session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise await _no_template(session, template_id)
    return found


async def get_upload(session: AsyncSession, template_id: str, version: str, upload_id: str) -> Upload:
    upload = await session.get(Upload, upload_id)
    if upload is None or (upload.template_id, upload.version) != (template_id, version):
        raise UploadNotFound(upload_id=upload_id, name=f"{template_id}@{version}")
    return upload


def select_templates(
    *, type: TemplateType | None = None, tags: Iterable[str] = (), text: str | None = None
) -> Select[Template]:
    """Templates of a type, with all of the tags, with the text in id or description."""
    statement = select(Template)
    if type is not None:
        statement = statement.where(Template.type == type)
    for tag in tags:
        tagged = select(TemplateTag.template_id).where(TemplateTag.tag == tag)
        statement = statement.where(Template.id.in_(tagged))
    if text:
        found = Template.id.icontains(text, autoescape=True)
        statement = statement.where(or_(found, Template.description.icontains(text, autoescape=True)))
    return statement


async def newest_of(session: AsyncSession, template_ids: Collection[str]) -> dict[str, TemplateVersion]:
    """The newest version of each template that has one."""
    newest = (
        select(TemplateVersion.template_id, func.max(TemplateVersion.number))
        .where(TemplateVersion.template_id.in_(template_ids))
        .group_by(TemplateVersion.template_id)
    )
    statement = select(TemplateVersion).where(tuple_(TemplateVersion.template_id, TemplateVersion.number).in_(newest))
    return {each.template_id: each for each in await session.scalars(statement)}


async def count_versions(session: AsyncSession, template_ids: Collection[str]) -> dict[str, int]:
    """How many versions each template has."""
    statement = (
        select(TemplateVersion.template_id, func.count())
        .where(TemplateVersion.template_id.in_(template_ids))
        .group_by(TemplateVersion.template_id)
    )
    counted = {template_id: count for template_id, count in await session.execute(statement)}  # noqa: C416
    return {template_id: counted.get(template_id, 0) for template_id in template_ids}


async def count_all(session: AsyncSession) -> tuple[int, int]:
    """How many templates there are, and how many versions."""
    templates = await session.scalar(select(func.count()).select_from(Template))
    versions = await session.scalar(select(func.count()).select_from(TemplateVersion))
    return templates or 0, versions or 0


async def _resolve(session: AsyncSession, reference: LayerReference, lock: bool) -> TemplateVersion:
    if reference.version is None:
        statement, asked = _NEWEST, {"template": reference.template_id}
    else:
        statement, asked = _ONE, {"template": reference.template_id, "version": reference.version}
    found: TemplateVersion | None = await session.scalar(
        statement.with_for_update(read=True) if lock else statement, asked
    )
    if found is None:
        raise await _nothing(session, reference.template_id, reference.version)
    return found


def _one(template_id: str, version: str) -> Select[TemplateVersion]:
    return select(TemplateVersion).where(TemplateVersion.template_id == template_id, TemplateVersion.version == version)


async def _nothing(
    session: AsyncSession, template_id: str, version: str | None
) -> TemplateNotFound | TemplateVersionNotFound:
    """Why there is no such version, with what there is instead."""
    if await session.get(Template, template_id) is None:
        return await _no_template(session, template_id)
    statement = select(TemplateVersion.version).where(TemplateVersion.template_id == template_id)
    newest_first = statement.order_by(TemplateVersion.number.desc()).limit(_SHOWN + 1)
    versions = list(await session.scalars(newest_first))
    if not versions:
        return TemplateVersionNotFound(
            template_id=template_id, version=version or "newest", hint="; it has none at all", versions=[]
        )
    more = ", …" if len(versions) > _SHOWN else ""
    hint = f"; it has {', '.join(versions[:_SHOWN])}{more}"
    return TemplateVersionNotFound(template_id=template_id, version=version, hint=hint, versions=versions[:_SHOWN])


async def _no_template(session: AsyncSession, template_id: str) -> TemplateNotFound:
    near = await nearest(session, Template.id, template_id)
    return TemplateNotFound(template_id=template_id, hint=as_hint(near), near=near)
