"""`hytopus crash list | groups | show | download`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from hytopus.cli.connection.client import Json, at
from hytopus.cli.connection.options import DEFAULTS, Options, connect, group
from hytopus.cli.template.pull import TargetExists
from hytopus.cli.terminal.output import age, clock_time, plain, print_fields, print_json, print_table, say, size

app: Final = group("crash", "Look into crashes: one by one, and by their cause.")


@app.command(name="list")
async def list_crashes(
    *,
    instance: str | None = None,
    node: str | None = None,
    game: str | None = None,
    kind: str | None = None,
    cause: str | None = None,
    limit: int = 50,
    options: Options = DEFAULTS,
) -> None:
    """List crashes, newest first.

    Parameters
    ----------
    instance
        Only of this instance, by name or id; also of one that is gone.
    node
        Only on this node.
    kind
        Only crash, oom, configuration, start_timeout, hang or vanished.
    cause
        Only with this fingerprint (`hytopus crash groups`).
    """
    query = {"instance": instance, "node": node, "game": game, "kind": kind, "fingerprint": cause}
    async with connect(options) as api:
        crashes = [crash async for crash in api.items("/crashes", limit=limit, **query)]
    if options.json:
        print_json(crashes)
        return
    print_table(
        ("CRASH", "AGO", "INSTANCE", "NODE", "KIND", "EXIT", "FINGERPRINT", "CAUSE"),
        (_row(crash) for crash in crashes),
        empty="No crashes.",
    )


@app.command
async def groups(
    *, instance: str | None = None, node: str | None = None, game: str | None = None, options: Options = DEFAULTS
) -> None:
    """List causes of crashes: how often, since when, on which nodes, with which versions."""
    async with connect(options) as api:
        found = (await api.get("/crashes/groups", instance=instance, node=node, game=game))["items"]
    if options.json:
        print_json(found)
        return
    print_table(
        ("FINGERPRINT", "TIMES", "INSTANCES", "FIRST", "LAST", "NODES", "LAYERS", "CAUSE"),
        (_group(group) for group in found),
        empty="No crashes.",
    )


@app.command
async def show(crash: str, /, *, log: bool = False, options: Options = DEFAULTS) -> None:
    """Show what is known of a crash.

    Parameters
    ----------
    log
        Also the last thousand lines, out of its bundle; without it, the very last ones.
    """
    async with connect(options) as api:
        found = await api.get(at("crashes", crash))
        lines = (await api.get(at("crashes", crash, "log")))["lines"] if log else found["excerpt"]
    if options.json:
        print_json({**found, "log": lines} if log else found)
        return
    print_fields(_fields(found))
    if problem := found["facts"].get("problem"):
        say(f"\n{plain(problem['message'])} {plain(problem['remedy'])}".rstrip())
    for line in lines:
        say(f"  | {plain(line)}")


@app.command
async def download(crash: str, /, *, output: Path | None = None, options: Options = DEFAULTS) -> None:
    """Fetch the bundle of a crash: a ZIP archive with its facts, its log, and the game's own crash files.

    Parameters
    ----------
    output
        File to make; by default `crash-<id>.zip`, here.
    """
    target = output or Path(f"crash-{crash}.zip")
    if target.exists():
        raise TargetExists(path=target)
    async with connect(options) as api:
        content = await api.download(at("crashes", crash, "bundle"))
    target.write_bytes(content)
    print_json({"file": str(target), "bytes": len(content)}) if options.json else say(f"{target}: {size(len(content))}")


def _row(crash: Json) -> tuple[Any, ...]:
    return (
        crash["id"],
        age(crash["at"]),
        crash["instance_name"],
        crash["node_name"],
        crash["kind"],
        crash["exit_code"],
        crash["fingerprint"],
        crash["cause"],
    )


def _group(group: Json) -> tuple[Any, ...]:
    return (
        group["fingerprint"],
        group["count"],
        group["instances"],
        clock_time(group["first_at"]),
        age(group["last_at"]),
        group["nodes"],
        group["layers"],
        group["cause"],
    )


def _fields(crash: Json) -> dict[str, Any]:
    facts = crash["facts"]
    return {
        "crash": crash["id"],
        "at": clock_time(crash["at"]),
        "instance": crash["instance_name"],
        "node": crash["node_name"],
        "kind": crash["kind"],
        "cause": crash["cause"],
        "fingerprint": crash["fingerprint"],
        "exit code": crash["exit_code"],
        "signal": facts.get("signal"),
        "was ready": facts.get("was_ready"),
        "ran": f"{facts['ran_s']:.0f} s" if facts.get("ran_s") else None,
        "layers": crash["layers"],
        "image": facts.get("image"),
        "generation": f"{crash['generation']}, attempt {crash['attempt']}",
        "players": facts.get("players"),
        "usage": facts.get("usage"),
        "load of the node": facts.get("node_load"),
        "bundle": size(crash["size"]) if crash["stored"] else "still on its node",
    }
