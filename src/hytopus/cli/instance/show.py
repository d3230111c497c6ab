"""`hytopus instance list | show | explain | events | files`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from hytopus.cli.activity import show_event
from hytopus.cli.connection.client import Json, at
from hytopus.cli.connection.live import follow_events
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.terminal.output import (
    age,
    clock_time,
    plain,
    print_fields,
    print_json,
    print_table,
    say,
    state_text,
    until,
)


async def list_instances(
    text: str | None = None,
    /,
    *,
    state: tuple[str, ...] = (),
    node: str | None = None,
    game: str | None = None,
    template: str | None = None,
    options: Options = DEFAULTS,
) -> None:
    """List game servers.

    Parameters
    ----------
    text
        Only those whose name holds this.
    state
        Only in this state; may be repeated.
    template
        Only those made with this template.
    """
    query: dict[str, Any] = {"text": text, "state": list(state), "node": node, "game": game, "template": template}
    async with connect(options) as api:
        instances = [instance async for instance in api.items("/instances", **query)]
    if options.json:
        print_json(instances)
        return
    print_table(
        ("NAME", "STATE", "FOR", "GAME", "NODE", "ADDRESS", "PLAYERS"),
        (_row(instance) for instance in instances),
        empty="No instances.",
    )


async def show(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Show everything about one instance."""
    async with connect(options) as api:
        instance = await api.get(at("instances", name))
    if options.json:
        print_json(instance)
        return
    print_fields(_fields(instance))
    if problem := instance.get("problem"):
        say(f"\n{plain(problem['message'])} {plain(problem['remedy'])}".rstrip())
    if instance["state"] == "failed":
        for line in instance["log_tail"]:
            say(f"  | {plain(line)}")


async def explain(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Say why an instance is where it is, or nowhere: what each node lacks, with numbers."""
    async with connect(options) as api:
        explanation = await api.get(at("instances", name, "explain"))
    if options.json:
        print_json(explanation)
        return
    say(plain(explanation["summary"]))
    if placed := explanation.get("placed"):
        say(f"Placed {age(placed['at'])} ago: {plain(placed['why'])}")
    rows = [row for node in explanation["nodes"] for row in _checks(node)]
    print_table(("NODE", "FITS", "CHECK", "NEEDS", "HAS", "DETAIL"), rows, empty="There are no nodes.")


async def events(name: str, /, *, follow: bool = False, limit: int = 50, options: Options = DEFAULTS) -> None:
    """Show what happened to an instance, oldest first.

    Parameters
    ----------
    follow
        Stay and show new events as they happen.
    """
    async with connect(options) as api:
        instance = await api.get(at("instances", name))
        past = [event async for event in api.items(at("instances", instance["id"], "events"), limit=limit)][::-1]
        if options.json and not follow:
            print_json(past)
            return
        for event in past:
            show_event(event, options)
        if follow:
            last = str(past[-1]["id"]) if past else None
            async for event in follow_events(api, after=last, subject_kind="instance", subject_id=instance["id"]):
                show_event(event, options)


async def files(name: str, path: str | None = None, /, *, options: Options = DEFAULTS) -> None:
    """Say which layer each file of an instance came from, and which layers it overrode.

    Parameters
    ----------
    path
        Only these, e.g. 'config/**' (quoted, so that the shell leaves it alone).
    """
    async with connect(options) as api:
        found = await api.get(at("instances", name, "provenance"), path=path)
    if options.json:
        print_json(found)
        return
    rows = ((each["path"], each["layer"], each["overrode"], _marks(each)) for each in found["files"])
    print_table(("PATH", "FROM", "OVERRIDES", ""), rows, empty="No such files.")


def _row(instance: Json) -> tuple[Any, ...]:
    node = instance.get("node")
    return (
        instance["name"],
        state_text(instance["state"]),
        age(instance["state_since"]),
        instance["game"],
        node["name"] if node else None,
        instance["address"],
        instance["players"],
    )


def _fields(instance: Json) -> dict[str, Any]:
    return {
        "name": instance["name"],
        "id": instance["id"],
        "state": Text.assemble(state_text(instance["state"]), f" for {age(instance['state_since'])}"),
        "wanted": instance["wanted"],
        "waits for": (instance.get("waiting") or {}).get("summary"),
        "next attempt": next_attempt(instance),
        "game": instance["game"],
        "node": (instance.get("node") or {}).get("name"),
        "players join": instance["address"],
        "ports": [f"{port['name']} {port['port']}/{port['protocol']}" for port in instance["ports"]],
        "players": instance["player_names"] or instance["players"],
        "layers": [f"{layer['template_id']}@{layer['version']}" for layer in instance["layers"]],
        "variables": instance["variables"],
        "limits": f"{instance['memory_mb']} MB memory, {instance['cpus']} CPUs, {instance['disk_mb']} MB disk",
        "usage": _usage(instance),
        "needs": [text for text in (instance["region"], *instance["tags"]) if text],
        "autostart": instance["autostart"],
        "restarts": _policy(instance),
        "metadata": instance["metadata"],
        "exit": instance.get("exit"),
        "timings": {step: f"{ms:.1f} ms" for step, ms in instance["timings_ms"].items()},
        "generation": instance["generation"],
        "created": clock_time(instance["created_at"]),
        "started": clock_time(instance["started_at"]) if instance["started_at"] else None,
    }


def next_attempt(instance: Json) -> str | None:
    """When an instance whose server ended is started again, and why it ended."""
    retry = instance.get("retry")
    if not retry:
        return None
    wait = until(retry["at"]) if retry["at"] else ""
    why = f": {plain(retry['problem']['message'])}" if retry["problem"] else ""
    return f"number {retry['attempt']} {f'in {wait}' if wait else 'now'}{why}"


def _policy(instance: Json) -> str:
    policy = instance["restart_policy"]
    if policy["on"] == "never":
        return "never"
    return (
        f"{policy['on']}, {policy['attempts']} times in {policy['interval']:g} s, "
        f"{policy['backoff_min']:g} to {policy['backoff_max']:g} s apart"
    )


def _usage(instance: Json) -> str | None:
    usage = instance.get("usage")
    if not usage:
        return None
    used = f"{plain(usage['cpu_percent'])} % CPU, {plain(usage['memory_mb'])} MB memory"
    if not usage.get("disk_mb"):
        return used
    too_much = "; more than is reserved" if instance.get("disk_over_since") else ""
    return f"{used}, {plain(usage['disk_mb'])} of {plain(instance['disk_mb'])} MB disk{too_much}"


def _checks(node: Json) -> Iterator[tuple[Any, ...]]:
    """One row for a node that fits; one for each failing check of a node that does not."""
    failing = [check for check in node["checks"] if not check["ok"]]
    if not failing:
        score = node.get("score")
        yield node["node"], True, "", "", "", f"score {score:.3f}" if isinstance(score, float) else ""
    for check in failing:
        yield node["node"], False, check["check"], check["need"], check["have"], check["detail"]


def _marks(file: Json) -> str:
    marks = [word for word, holds in (("substituted", file["substituted"]), ("changed", file["changed"])) if holds]
    return ", ".join(marks)
