"""`hytopus instance preview | plan`: files before there is an instance, and before it is upgraded."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from hytopus.cli.connection.client import Json, at
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.parse import pairs
from hytopus.cli.terminal.output import plain, print_json, print_table, say, size
from hytopus.cli.terminal.sanitise import sanitise

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


async def preview(
    *layers: str,
    set: Annotated[tuple[str, ...], Parameter(name=("--set", "-s"))] = (),
    game: str | None = None,
    file: str | None = None,
    glob: str | None = None,
    options: Options = DEFAULTS,
) -> int:
    """Show the files that layers would give, before anything is created. Exit code 1 where a creation would fail.

    Parameters
    ----------
    layers
        Template layers, lowest first, as `id` or `id@version`.
    set
        NAME=VALUE of a variable; may be repeated.
    file
        Print this file as it would be, with its placeholders replaced.
    glob
        List the merged tree, e.g. '**' (quoted), and which layer wins each path.
    """
    draft: dict[str, Any] = {"layers": list(layers), "variables": pairs(set, "--set")}
    if game is not None:
        draft["game"] = game
    async with connect(options) as api:
        if file is not None:
            found = await api.post("/instances/preview/content", {"draft": draft, "path": file}, patient=True)
            _print_file(found, options)
            return 1 if found["unresolved"] else 0
        if glob is not None:
            found = await api.post("/instances/preview/files", {"draft": draft, "glob": glob}, patient=True)
            _print_files(found, options)
            return 0
        found = await api.post("/instances/preview/configs", {"draft": draft}, patient=True)
    if options.json:
        print_json(found)
    else:
        _print_configs(found)
    return 1 if found["missing"] or any(each["unresolved"] for each in found["configs"]) else 0


async def plan(
    name: str,
    /,
    *layers: str,
    file: str | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Show what an upgrade would do to the files of an instance: nothing is changed.

    Parameters
    ----------
    layers
        The new layers, lowest first; without any, the newest versions of the present ones.
    file
        Show how this file would differ.
    """
    body: dict[str, Any] = {"layers": list(layers)} if layers else {}
    async with connect(options) as api:
        if file is not None:
            path = at("instances", name, "upgrade", "plan", "content")
            found = await api.post(path, {**body, "path": file}, patient=True)
            print_json(found) if options.json else print_diff(found)
            return
        found = await api.post(at("instances", name, "upgrade", "plan"), body, patient=True)
    if options.json:
        print_json(found)
        return
    say("Layers: " + ", ".join(f"{plain(each['template_id'])}@{plain(each['version'])}" for each in found["layers"]))
    rows = ((each["path"], each["change"], _sizes(each), _own(each)) for each in found["files"])
    print_table(("PATH", "", "SIZE", "ON THIS SERVER"), rows, empty="No file differs.")
    for problem in found["problems"]:
        say(f"problem: {plain(problem['message'])} {plain(problem['remedy'])}".rstrip())
    _print_faults(found)
    if found["next"]:
        say("… and more; --json shows a page at a time.")


def print_diff(found: Json) -> None:
    """A unified diff, or why there is none."""
    if found["diff"] is None:
        say(f"{plain(found['path'])} is binary or too long to be compared.")
    for line in (found["diff"] or "").splitlines():
        text = sanitise(line)
        if sys.stdout.isatty() and text[:1] in _STYLES:
            colours = {"green": 32, "red": 31, "cyan": 36}
            text = f"\x1b[{colours[_STYLES[text[:1]]]}m{text}\x1b[0m"
        print(text)


def _print_file(found: Json, options: Options) -> None:
    if options.json:
        print_json(found)
        return
    sys.stdout.write(sanitise(found["text"]))
    for each in found["unresolved"]:
        say(f"unresolved: {plain(found['layer'])}:{plain(found['path'])}:{each['line']} ${{{plain(each['name'])}}}")


def _print_files(found: Json, options: Options) -> None:
    if options.json:
        print_json(found)
        return
    rows = ((each["path"], size(each["size"]), each["layer"], each["overrode"]) for each in found["files"])
    print_table(("PATH", "SIZE", "FROM", "OVERRIDES"), rows, empty="No such files.")


def _print_configs(found: Json) -> None:
    rows = ((each["path"], each["layer"], each["names"], _unresolved(each)) for each in found["configs"])
    print_table(("PATH", "FROM", "USES", "UNRESOLVED"), rows, empty="No file has placeholders.")
    _print_faults(found)


def _print_faults(found: Json) -> None:
    for each in found["configs"]:
        for place in each["unresolved"]:
            where = f"{plain(each['layer'])}:{plain(each['path'])}:{place['line']}"
            say(f"unresolved: {where} ${{{plain(place['name'])}}}")
    for each in found["missing"]:
        say(f"missing: {plain(each['path'])}, asked for by {plain(each['layer'])}")


def _unresolved(config: Json) -> Text | None:
    names = sorted({place["name"] for place in config["unresolved"]})
    return Text(plain(names), style="bold red") if names else None


def _sizes(each: Json) -> str:
    before, after = size(each["old_size"]), size(each["new_size"])
    return after if before == after else f"{before} → {after}"


def _own(each: Json) -> str:
    return "" if each["own"] == "none" else f"{each['own']}; stays so"
