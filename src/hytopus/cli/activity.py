"""`hytopus events` and `hytopus audit`: what happened, and who changed what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import Parameter

from hytopus.cli.client import Json
from hytopus.cli.live import follow_events
from hytopus.cli.options import DEFAULTS, Options, connect
from hytopus.cli.output import clock_time, plain, print_json, print_json_line, print_table, say
from hytopus.cli.parse import duration


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


async def audit(
    *,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
    since: str | None = None,
    limit: int = 50,
    options: Options = DEFAULTS,
) -> None:
    """Show who changed what, from where, newest first; refused attempts included.

    Parameters
    ----------
    actor
        Only by this user.
    action
        Only actions that begin with this, e.g. `instance.`.
    target
        Only on this, e.g. `user:alice`.
    since
        Only the last 15m, 12h, 7d ...
    """
    query = {"actor": actor, "action": action, "target": target, "since": _ago(since)}
    async with connect(options) as api:
        records = [record async for record in api.items("/audit", limit=limit, **query)]
    if options.json:
        print_json(records)
        return
    rows = (
        (
            clock_time(record["at"]),
            record["actor_name"],
            record["address"],
            record["action"],
            record["target"],
            record["outcome"],
        )
        for record in records
    )
    print_table(("AT", "WHO", "FROM", "ACTION", "TARGET", "OUTCOME"), rows, empty="Nothing was changed.")


def show_event(event: Json, options: Options) -> None:
    if options.json:
        print_json_line(event)
        return
    by = f" (by {plain(event['actor_name'])})" if event.get("actor_kind") == "user" else ""
    say(f"{clock_time(event['at'])}  {plain(event['kind']):26}  {plain(event['message'])}{by}")


def _ago(text: str | None) -> str | None:
    return (datetime.now(UTC) - duration(text, "--since")).isoformat() if text else None
