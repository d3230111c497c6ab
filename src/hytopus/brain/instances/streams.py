"""Routes of a server's output: the last lines, live lines, and lines to type."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Header, Query, Request
from starlette.responses import Response

from hytopus.brain.accounts.dependencies import ActorDep
from hytopus.brain.accounts.sessions import RIGHTS
from hytopus.brain.activity.commands import audit
from hytopus.brain.activity.redact import Redaction
from hytopus.brain.db.engine import Database
from hytopus.brain.http.dependencies import ClockDep, DatabaseDep, StreamsDep
from hytopus.brain.http.parameters import BadEventId
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.http.streams import HEARTBEAT_SECONDS, Frame, stream_response, watched
from hytopus.brain.instances.errors import InstanceHasNoNode, InstanceNotFound, InstanceNotRunning
from hytopus.brain.instances.queries import find
from hytopus.brain.instances.schemas import ConsoleLine, LinesOut
from hytopus.brain.instances.states import State
from hytopus.brain.instances.target import on_node
from hytopus.brain.nodes.remote import NodeRelay, RelayDep, SessionsDep, ask
from hytopus.kit.clock import Clock
from hytopus.wire.place import BEGINNING, Place

router = feature_router("instances")


async def _redaction(request: Request) -> Redaction:
    redaction: Redaction = request.app.state.redaction
    return redaction


RedactionDep = Annotated[Redaction, Depends(_redaction)]

Tail = Annotated[int, Query(ge=0, le=10_000, description="So many of the last lines first.")]
After = Annotated[
    str | None,
    Query(
        description="All lines that came later: the `id` of the last one seen, `number@start`. After a restart since,"
        " that is all its lines that are still held. A number alone is taken to be of the start that runs now.",
        examples=["50@7.1"],
    ),
]
LastEventId = Annotated[str | None, Header(description="Sent by a browser that reconnects: goes before `after`.")]


@dataclass(frozen=True, slots=True)
class Window:
    """Which lines are shown before the live ones: the last few, or all since."""

    tail: int
    after: Place


async def _window(tail: Tail = 100, after: After = None, last_event_id: LastEventId = None) -> Window:
    """Whoever reconnects gets everything since, however much that is."""
    given = last_event_id or after
    try:
        place = Place.parse(given) if given else BEGINNING
    except ValueError as error:
        raise BadEventId(given=str(given)[:64]) from error
    return Window(0 if place.number else tail, place)


WindowDep = Annotated[Window, Depends(_window)]

_LIVE: Final[dict[int | str, dict[str, Any]]] = {
    **problems(InstanceNotFound, InstanceHasNoNode, BadEventId),
    200: {"content": {"text/event-stream": {}}},
}
_TYPABLE = (State.STARTING, State.RUNNING, State.STOPPING)


@router.get("/instances/{instance}/logs", responses=problems(InstanceNotFound, InstanceHasNoNode))
async def get_logs(instance: str, database: DatabaseDep, sessions: SessionsDep, tail: Tail = 200) -> LinesOut:
    """Its last lines. Of a server that has failed, the instance itself keeps some (`log_tail`)."""
    row, node_id = await on_node(database, instance)
    return await ask(sessions, LinesOut, node_id, "logs", instance_id=row.id, body={"tail": tail})


@router.get(
    "/instances/{instance}/logs/follow",
    response_class=Response,
    responses=_LIVE,
)
async def follow_logs(
    instance: str,
    database: DatabaseDep,
    relay: RelayDep,
    streams: StreamsDep,
    clock: ClockDep,
    window: WindowDep,
) -> Response:
    """Its lines as server-sent events `{number, start, at, text}`, until it ends."""
    row, node_id = await on_node(database, instance)
    frames = _frames(relay, node_id, row.id, "logs", window)
    return stream_response(streams, _while_seen(database, clock, row.id, frames))


@router.get(
    "/instances/{instance}/console",
    response_class=Response,
    responses=_LIVE,
)
async def attach_console(
    instance: str,
    database: DatabaseDep,
    relay: RelayDep,
    streams: StreamsDep,
    clock: ClockDep,
    window: WindowDep,
) -> Response:
    """Its console as server-sent events `{number, start, at, text}`; lines are typed with POST."""
    row, node_id = await on_node(database, instance)
    frames = _frames(relay, node_id, row.id, "console", window)
    return stream_response(streams, _while_seen(database, clock, row.id, frames))


@router.post(
    "/instances/{instance}/console",
    status_code=202,
    responses=problems(InstanceNotFound, InstanceHasNoNode, InstanceNotRunning),
)
async def send_console_line(
    instance: str,
    body: ConsoleLine,
    database: DatabaseDep,
    sessions: SessionsDep,
    redaction: RedactionDep,
    actor: ActorDep,
    clock: ClockDep,
) -> dict[str, Any]:
    """Type a line into its console. The server's answer comes with its other lines.

    The line is kept in the audit log, without what looks like a password or a token.
    """
    row, node_id = await on_node(database, instance)
    if row.state not in _TYPABLE:
        raise InstanceNotRunning(instance=row.name, state=row.state.value)
    await sessions.ask(node_id, "send_line", instance_id=row.id, body={"text": body.line})
    async with database.write() as session:
        audit(session, actor, "instance.type", row.name, at=clock.now(), after={"line": redaction.line(body.line)})
    return {}


async def _frames(
    relay: NodeRelay, node_id: str, instance_id: str, kind: Literal["console", "logs"], window: Window
) -> AsyncGenerator[Frame, None]:
    async with relay.open_stream(node_id, instance_id, kind, tail=window.tail, after=window.after) as lines:
        async for line in lines:
            yield Frame(asdict(line), id=str(line.place))


def _while_seen(
    database: Database, clock: Clock, instance_id: str, frames: AsyncGenerator[Frame, None]
) -> AsyncGenerator[Frame, None]:
    """The frames, until whoever opened the stream may not see the instance any more: then `InstanceNotFound`."""

    async def watch() -> None:
        with database.signals.subscribe(RIGHTS, key=instance_id) as changes:
            while True:
                async with database.read() as session:
                    await find(session, instance_id)
                await changes.wait(clock, HEARTBEAT_SECONDS)

    return watched(frames, watch)
