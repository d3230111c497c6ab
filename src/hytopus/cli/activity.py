"""`hytopus events` and `hytopus audit`: what happened, and who changed what."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from hytopus.cli.connection.client import Json
from hytopus.cli.connection.live import follow_events
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.terminal.output import clock_time, plain, print_json, print_json_line, say


async def events(
    *,
    follow: Annotated[bool, Parameter(name=("--follow", "-f"))] = False,
    kind: tuple[str, ...] = (),
    subject: str | None = None,
    limit: int = 50,
    options: Options = DEFAULTS,
) -> None:
    """Show what happened, oldest first.

    Parameters
    ----------
    follow
        Stay and show new events as they happen.
    kind
        Only kinds that begin with this, e.g. `instance.` or `node.went_offline`; may be repeated.
    subject
        Only about one thing, e.g. `instance:ID`, `node:ID` or `template:base@1`.
    limit
        How many past events.
    """
    about, _, subject_id = (subject or "").partition(":")
    query: dict[str, Any] = {"kind": list(kind), "subject_kind": about or None, "subject_id": subject_id or None}
    async with connect(options) as api:
        past = [event async for event in api.items("/events", limit=limit, **query)][::-1]
        if options.json and not follow:
            print_json(past)
            return
        for event in past:
            show_event(event, options)
        if follow:
            last = str(past[-1]["id"]) if past else None
            async for event in follow_events(api, after=last, **query):
                show_event(event, options)


def show_event(event: Json, options: Options) -> None:
    if options.json:
        print_json_line(event)
        return
    by = f" (by {plain(event['actor_name'])})" if event.get("actor_kind") == "user" else ""
    say(f"{clock_time(event['at'])}  {plain(event['kind']):26}  {plain(event['message'])}{by}")
