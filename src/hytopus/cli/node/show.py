"""`hytopus node list | show | cache`."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from hytopus.cli.connection.client import Json, at
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.terminal.output import age, clock_time, plain, print_fields, print_json, print_table, size, state_text


async def list_nodes(text: str | None = None, /, *, state: tuple[str, ...] = (), options: Options = DEFAULTS) -> None:
    """List the nodes.

    Parameters
    ----------
    text
        Only those whose name holds this.
    state
        Only in this state (online, suspect, offline); may be repeated.
    """
    async with connect(options) as api:
        nodes = [node async for node in api.items("/nodes", text=text, state=list(state))]
    if options.json:
        print_json(nodes)
        return
    print_table(
        ("NAME", "STATE", "REGION", "TAGS", "INSTANCES", "SLOTS", "CPUS", "MEMORY", "SEEN"),
        (_row(node) for node in nodes),
        empty="No nodes. `hytopus node token` says how to add one.",
    )


async def show(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Show everything about one node."""
    async with connect(options) as api:
        node = await api.get(at("nodes", name))
    if options.json:
        print_json(node)
    else:
        print_fields(_fields(node))


async def cache(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Show what a node's template cache holds; what is in use stays until the last instance built of it lets go."""
    async with connect(options) as api:
        found = await api.get(at("nodes", name, "cache"))
    if options.json:
        print_json(found)
        return
    print_table(
        ("TEMPLATE", "VERSION", "SIZE", "FILES", "FETCHED", "IN USE"),
        (_cached(each) for each in found["templates"]),
        empty="Its cache is empty.",
    )


def marks(node: Json) -> str:
    """What is special about a node."""
    words = (
        ("cordoned", node["cordoned"]),
        ("draining", node["draining"]),
        ("declared lost", node["lost_at"]),
        ("dev mode", node["dev_mode"]),
    )
    return ", ".join(word for word, holds in words if holds)


def _cached(each: Json) -> tuple[Any, ...]:
    return (
        plain(each["template_id"]),
        plain(each["version"]),
        size(each["bytes"]),
        str(each["files"]),
        age(each["fetched_at"]),
        "yes" if each["in_use"] else "",
    )


def _row(node: Json) -> tuple[Any, ...]:
    special = marks(node)
    return (
        node["name"],
        Text.assemble(state_text(node["state"]), f" ({special})" if special else ""),
        node["region"],
        node["tags"],
        sum(node["instances"].values()),
        _used(node, "slots"),
        _used(node, "cpus"),
        _used(node, "memory_mb") + " MB",
        age(node["last_seen"]),
    )


def _used(node: Json, what: str) -> str:
    """Reserved of all there is."""
    return f"{plain(node['reserved'][what])}/{plain(node['capacity'][what])}"


def _fields(node: Json) -> dict[str, Any]:
    load, drain = node.get("load") or {}, node.get("drain")
    return {
        "name": node["name"],
        "id": node["id"],
        "state": Text.assemble(state_text(node["state"]), f" for {age(node['state_since'])}"),
        "special": marks(node),
        "drains until": clock_time(drain["deadline"]) if drain else None,
        "still to stop": drain["remaining"] if drain else None,
        "staying with worlds": drain["staying"] if drain else None,
        "copies to clear": drain["clearing"] if drain else None,
        "region": node["region"],
        "tags": node["tags"],
        "environment": node["environment"],
        "address": node["address"],
        "instances": node["instances"],
        "reserved slots": _used(node, "slots"),
        "reserved CPUs": _used(node, "cpus"),
        "reserved memory": _used(node, "memory_mb") + " MB",
        "reserved disk": _used(node, "disk_mb") + " MB",
        "reserved ports": _used(node, "ports"),
        "load": _load(load),
        "machine": node["facts"],
        "last seen": f"{clock_time(node['last_seen'])} ({age(node['last_seen'])} ago)",
        "joined": clock_time(node["joined_at"]),
    }


def _load(load: Json) -> dict[str, Any]:
    return {name: size(value) if name.endswith("_bytes") else value for name, value in load.items()}
