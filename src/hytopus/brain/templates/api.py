"""Routes of templates and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.dependencies import ActorDep
from hytopus.brain.http.dependencies import ClockDep, ReadDep, StoreDep, WriteDep
from hytopus.brain.http.paging import Page, PageDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.templates import commands, queries
from hytopus.brain.templates.errors import TemplateInUse, TemplateNotFound, TemplateVersionNotFound
from hytopus.brain.templates.models import Template, TemplateVersion
from hytopus.brain.templates.queries import Usage
from hytopus.brain.templates.schemas import ChangeTemplate, DownloadOut, TemplateOut, VersionOut
from hytopus.layers.rules import TemplateType

router = feature_router("templates")

DOWNLOAD_SECONDS = 900


async def _usage(request: Request) -> Usage:
    usage: Usage = request.app.state.usage
    return usage


UsageDep = Annotated[Usage, Depends(_usage)]


@router.get("/templates")
async def list_templates(
    session: ReadDep,
    page: PageDep,
    usage: UsageDep,
    type: TemplateType | None = None,
    tag: Annotated[list[str] | None, Query(max_length=20, description="Only those with all of these tags.")] = None,
    text: Annotated[str | None, Query(max_length=200, description="In the id or the description.")] = None,
) -> Page[TemplateOut]:
    """Templates by id, each with its newest version and how many instances use it."""
    statement = queries.select_templates(type=type, tags=tag or (), text=text)
    rows, next_cursor = await page.keyset(session, statement, Template.id)
    used = await usage(session, None)
    return Page(items=await _shown(session, rows, used), next_cursor=next_cursor)


@router.get("/templates/{template_id}", responses=problems(TemplateNotFound))
async def get_template(template_id: str, session: ReadDep, usage: UsageDep) -> TemplateOut:
    """One template."""
    template = await queries.get_template(session, template_id)
    return (await _shown(session, [template], await usage(session, template_id)))[0]


@router.patch("/templates/{template_id}", responses=problems(TemplateNotFound))
async def change_template(
    template_id: str, body: ChangeTemplate, session: WriteDep, usage: UsageDep, clock: ClockDep, actor: ActorDep
) -> TemplateOut:
    """Change type, description or tags. The next upload sets them again, from its `template.toml`."""
    template = await queries.get_template(session, template_id, lock=True)
    await commands.change_template(
        session,
        template,
        type=body.type,
        description=body.description,
        tags=body.tags,
        actor=actor,
        at=clock.now(),
    )
    return (await _shown(session, [template], await usage(session, template_id)))[0]


@router.delete("/templates/{template_id}", status_code=204, responses=problems(TemplateNotFound, TemplateInUse))
async def remove_template(
    template_id: str, session: WriteDep, usage: UsageDep, clock: ClockDep, actor: ActorDep
) -> None:
    """Remove a template with all its versions; refused while an instance uses one of them."""
    template = await queries.get_template(session, template_id, lock=True)
    await commands.remove_template(session, template, usage=usage, actor=actor, at=clock.now())


@router.get("/templates/{template_id}/versions", responses=problems(TemplateNotFound))
async def list_versions(template_id: str, session: ReadDep, page: PageDep, usage: UsageDep) -> Page[VersionOut]:
    """The versions of a template, newest first."""
    await queries.get_template(session, template_id)
    statement = select(TemplateVersion).where(TemplateVersion.template_id == template_id)
    rows, next_cursor = await page.keyset(session, statement, TemplateVersion.number, descending=True)
    used = await usage(session, template_id)
    items = [VersionOut.of(row, used.get((template_id, row.version), ())) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


@router.get(
    "/templates/{template_id}/versions/{version}", responses=problems(TemplateNotFound, TemplateVersionNotFound)
)
async def get_version(template_id: str, version: str, session: ReadDep, usage: UsageDep) -> VersionOut:
    """One version, with the instances that use it."""
    found = await queries.get_version(session, template_id, version)
    used = await usage(session, template_id)
    return VersionOut.of(found, used.get((template_id, version), ()))


@router.delete(
    "/templates/{template_id}/versions/{version}",
    status_code=204,
    responses=problems(TemplateNotFound, TemplateVersionNotFound, TemplateInUse),
)
async def remove_version(
    template_id: str, version: str, session: WriteDep, usage: UsageDep, clock: ClockDep, actor: ActorDep
) -> None:
    """Remove a version; refused while an instance uses it."""
    found = await queries.get_version(session, template_id, version, lock=True)
    await commands.remove_version(session, found, usage=usage, actor=actor, at=clock.now())


@router.get(
    "/templates/{template_id}/versions/{version}/download",
    responses=problems(TemplateNotFound, TemplateVersionNotFound),
)
async def get_download(
    template_id: str, version: str, session: ReadDep, store: StoreDep, clock: ClockDep
) -> DownloadOut:
    """A URL that reads the tarball from the object store for the next 15 minutes."""
    found = await queries.get_version(session, template_id, version)
    return DownloadOut(
        url=await store.presign_get(found.s3_key, expires_s=DOWNLOAD_SECONDS),
        expires_at=clock.now() + timedelta(seconds=DOWNLOAD_SECONDS),
        size=found.size,
        checksum=found.checksum,
        format=found.format,  # type: ignore[arg-type]  # the database holds only these
    )


async def _shown(
    session: AsyncSession, templates: Sequence[Template], used: Mapping[tuple[str, str], Sequence[str]]
) -> list[TemplateOut]:
    ids = [template.id for template in templates]
    newest = await queries.newest_of(session, ids)
    counts = await queries.count_versions(session, ids)
    users: dict[str, set[str]] = {template_id: set() for template_id in ids}
    for (template_id, _), names in used.items():
        users.setdefault(template_id, set()).update(names)
    return [
        TemplateOut.of(
            template,
            _version(newest.get(template.id), used),
            counts[template.id],
            len(users[template.id]),
        )
        for template in templates
    ]


def _version(version: TemplateVersion | None, used: Mapping[tuple[str, str], Sequence[str]]) -> VersionOut | None:
    return None if version is None else VersionOut.of(version, used.get((version.template_id, version.version), ()))
