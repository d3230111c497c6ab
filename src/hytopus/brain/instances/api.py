"""Routes of instances: creating them, looking at them, and saying what is to become of them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Query, Request, Response
from sqlalchemy import String, cast
from sqlalchemy.orm import InstrumentedAttribute

from hytopus.brain.accounts.dependencies import PrincipalDep
from hytopus.brain.games.catalogue import GameNotFound
from hytopus.brain.games.dependencies import GamesDep
from hytopus.brain.http.dependencies import ClockDep, IdempotencyKeyDep, ReadDep, creating
from hytopus.brain.http.idempotency import Claim, keep
from hytopus.brain.http.paging import Page, PageDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.instances import changes, commands
from hytopus.brain.instances.creating import creation
from hytopus.brain.instances.creating.joint_creation import STATUS, Asked, JointCreation
from hytopus.brain.instances.errors import (
    BadInstanceName,
    CannotMove,
    GameMissing,
    InstanceDestroyed,
    InstanceIsRunning,
    InstanceNotFound,
    MissingVariable,
    NameTaken,
    NoRoom,
    NotAtRest,
    NotMoving,
    PortAskedTwice,
    PortOutsidePools,
    PortsChanged,
    ReservedVariable,
    UndeclaredVariable,
    UnknownPort,
)
from hytopus.brain.instances.listed import LISTED, listed
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import find
from hytopus.brain.instances.relocating import relocation
from hytopus.brain.instances.schemas import (
    CreateInstance,
    InstanceOut,
    InstanceSummary,
    MoveInstance,
    UpdateInstance,
    UpgradeInstance,
)
from hytopus.brain.instances.shown import InstanceSettingsDep, in_full
from hytopus.brain.instances.states import State
from hytopus.brain.instances.target import TargetDep
from hytopus.brain.nodes.errors import NodeNotFound
from hytopus.brain.nodes.queries import find as find_node
from hytopus.brain.nodes.remote import PresenceDep
from hytopus.brain.templates.errors import TemplateNotFound, TemplateVersionNotFound
from hytopus.layers.reference import BadLayerReference

router = feature_router("instances")


async def _joint_creation(request: Request) -> JointCreation:
    together: JointCreation = request.app.state.joint_creation
    return together


JointCreationDep = Annotated[JointCreation, Depends(_joint_creation)]

MADE_OF: Final = (
    BadLayerReference,
    TemplateNotFound,
    TemplateVersionNotFound,
    GameNotFound,
    GameMissing,
    UndeclaredVariable,
    MissingVariable,
    ReservedVariable,
)
"""What can be wrong with what an instance is to be made of."""
_CREATION: Final = problems(
    BadInstanceName, NameTaken, NodeNotFound, UnknownPort, PortAskedTwice, PortOutsidePools, *MADE_OF
)
_INTENT: Final = problems(InstanceNotFound, InstanceDestroyed)
_SORTS: Final[dict[str, InstrumentedAttribute[str]]] = {
    "name": Instance.name,
    "created": Instance.id,
    "state": Instance.state,
}


@router.post("/instances", status_code=STATUS, response_model=InstanceOut, responses=_CREATION)
async def create_instance(
    request: Request,
    body: CreateInstance,
    together: JointCreationDep,
    principal: PrincipalDep,
    games: GamesDep,
    presence: PresenceDep,
    settings: InstanceSettingsDep,
    clock: ClockDep,
    idempotency_key: IdempotencyKeyDep = None,
) -> Any:
    """Ask for an instance. It is placed, prepared and (unless `autostart` is off) started from here on by itself."""
    actor = principal.actor
    if not principal.scope:
        claim = None if idempotency_key is None else await Claim.of(request, idempotency_key)
        if (answer := await together(Asked(body, actor, claim, settings))) is not None:
            return Response(answer, STATUS, media_type="application/json")
    async with creating(request, idempotency_key) as session:
        instance = await creation.create(session, body, games=games, actor=actor, now=clock.now(), settings=settings)
        shown = await in_full(session, instance, presence, settings)
        response = Response(shown.model_dump_json(), STATUS, media_type="application/json")
        await keep(request, response)
    return response


@router.get("/instances", responses=problems(NodeNotFound))
async def list_instances(
    session: ReadDep,
    page: PageDep,
    state: Annotated[list[State] | None, Query(description="Any of these; default: all but destroyed.")] = None,
    node: Annotated[str | None, Query(max_length=64, description="Name or id.")] = None,
    game: Annotated[str | None, Query(max_length=64)] = None,
    template: Annotated[str | None, Query(max_length=130, description="`id` or `id@version`.")] = None,
    text: Annotated[str | None, Query(max_length=200, description="In the name, the id or the metadata.")] = None,
    sort: Literal["name", "created", "state"] = "name",
    order: Literal["asc", "desc"] = "asc",
) -> Page[InstanceSummary]:
    """Instances, with what a list shows of them."""
    statement = LISTED.where(Instance.state.in_(state) if state else Instance.state != State.DESTROYED)
    if node is not None:
        statement = statement.where(Instance.node_id == (await find_node(session, node)).id)
    if game is not None:
        statement = statement.where(Instance.game == game)
    if template is not None:
        template_id, _, version = template.partition("@")
        locked = f'"template_id": "{template_id}", "version": "{version}' + ('"' if version else "")
        statement = statement.where(cast(Instance.layers, String).contains(locked, autoescape=True))
    if text:
        found = Instance.name.icontains(text, autoescape=True) | (Instance.id == text)
        statement = statement.where(found | cast(Instance.details, String).icontains(text, autoescape=True))
    rows, next_cursor = await page.keyset_of_columns(
        session, statement, _SORTS[sort], Instance.id, descending=order == "desc"
    )
    return Page(items=[listed(row) for row in rows], next_cursor=next_cursor)


@router.get("/instances/{instance}", responses=problems(InstanceNotFound))
async def get_instance(
    instance: str, session: ReadDep, presence: PresenceDep, settings: InstanceSettingsDep
) -> InstanceOut:
    """One instance, by name or id; destroyed ones by id only."""
    return await in_full(session, await find(session, instance), presence, settings)


@router.patch(
    "/instances/{instance}",
    status_code=202,
    responses=problems(
        InstanceNotFound,
        InstanceDestroyed,
        BadInstanceName,
        NameTaken,
        NotAtRest,
        InstanceIsRunning,
        NoRoom,
        UndeclaredVariable,
        MissingVariable,
        ReservedVariable,
    ),
)
async def change_instance(body: UpdateInstance, target: TargetDep) -> InstanceOut:
    """Change settings. Variables take effect with the next start, resources can only be changed at rest."""
    await changes.update(target.session, target.row, body, actor=target.actor, now=target.now)
    return await target.shown()


@router.post(
    "/instances/{instance}/upgrade",
    status_code=202,
    responses=problems(InstanceNotFound, InstanceDestroyed, InstanceIsRunning, NotAtRest, PortsChanged, *MADE_OF),
)
async def upgrade_instance(body: UpgradeInstance, target: TargetDep, games: GamesDep) -> InstanceOut:
    """Lock newer versions of its layers, or other layers. What the server has written stays, unless discarded."""
    await changes.upgrade(target.session, target.row, body, games=games, actor=target.actor, now=target.now)
    return await target.shown()


@router.post("/instances/{instance}/start", status_code=202, responses=_INTENT)
async def start_instance(target: TargetDep) -> InstanceOut:
    """It is to run."""
    await commands.start(target.session, target.row, actor=target.actor, now=target.now)
    return await target.shown()


@router.post("/instances/{instance}/stop", status_code=202, responses=_INTENT)
async def stop_instance(target: TargetDep) -> InstanceOut:
    """It is to stop, gracefully."""
    await commands.stop(target.session, target.row, actor=target.actor, now=target.now)
    return await target.shown()


@router.post("/instances/{instance}/restart", status_code=202, responses=_INTENT)
async def restart_instance(target: TargetDep) -> InstanceOut:
    """It is to stop gracefully and start again."""
    await commands.restart(target.session, target.row, actor=target.actor, now=target.now)
    return await target.shown()


@router.post("/instances/{instance}/kill", status_code=202, responses=_INTENT)
async def kill_instance(target: TargetDep) -> InstanceOut:
    """It is to stop now, without being asked. Works whatever else is going on."""
    await commands.kill(target.session, target.row, actor=target.actor, now=target.now)
    return await target.shown()


@router.post(
    "/instances/{instance}/move",
    status_code=202,
    responses=problems(InstanceNotFound, NodeNotFound, InstanceDestroyed, CannotMove),
)
async def move_instance(body: MoveInstance, target: TargetDep) -> InstanceOut:
    """It is to live on another node, with its world. Nothing is taken from the old one before the new one has it."""
    session, row = target.session, target.row
    node = await find_node(session, body.node) if body.node is not None else None
    await relocation.move(
        session, row, node, restart=body.restart, presence=target.presence, actor=target.actor, now=target.now
    )
    return await target.shown()


@router.delete(
    "/instances/{instance}/move", status_code=202, responses=problems(InstanceNotFound, NotMoving, CannotMove)
)
async def cancel_move(target: TargetDep) -> InstanceOut:
    """Call its move off: it stays, or goes back to the node it came from."""
    await relocation.call_off(target.session, target.row, actor=target.actor, now=target.now)
    return await target.shown()


@router.delete("/instances/{instance}", status_code=202, responses=problems(InstanceNotFound))
async def destroy_instance(target: TargetDep) -> InstanceOut:
    """It is to be gone with all its files; stopped first where it runs."""
    await commands.destroy(target.session, target.row, actor=target.actor, now=target.now)
    return await target.shown()
