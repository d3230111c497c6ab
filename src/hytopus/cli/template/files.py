"""`hytopus template files | cat`: what a version holds, as a node sees it."""

from __future__ import annotations

import sys

from hytopus.cli.connection.client import Api, at
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.instance.files import NotText
from hytopus.cli.template.pull import find_version
from hytopus.cli.terminal.output import plain, print_json, print_table, size
from hytopus.cli.terminal.sanitise import sanitise


async def files(reference: str, glob: str = "**", /, *, options: Options = DEFAULTS) -> None:
    """List the files of a template version: `id@version`, or `id` for the newest.

    Parameters
    ----------
    glob
        Only these, e.g. 'config/**' (quoted, so that the shell leaves it alone).
    """
    async with connect(options) as api:
        found = await api.request("GET", await _path(api, reference), query={"glob": glob}, timeout=150)
    if options.json:
        print_json(found)
        return
    rows = ((each["path"], size(each["size"]), f"{each['mode']:04o}", _marks(each)) for each in found["files"])
    print_table(("PATH", "SIZE", "MODE", ""), rows, empty="No such files.")


async def cat(reference: str, path: str, /, *, options: Options = DEFAULTS) -> None:
    """Print a file of a template version, placeholders as they are."""
    async with connect(options) as api:
        where = f"{await _path(api, reference)}/content"
        found = await api.request("GET", where, query={"path": path}, timeout=150)
    if options.json:
        print_json(found)
        return
    if found["encoding"] == "binary":
        raise NotText(path=plain(path), what="binary", verb="shown")
    sys.stdout.write(sanitise(found["text"]) if sys.stdout.isatty() else found["text"])


async def _path(api: Api, reference: str) -> str:
    version = await find_version(api, reference)
    return at("templates", version["template_id"], "versions", version["version"], "files")


def _marks(each: dict[str, object]) -> str:
    return "placeholders" if each["substituted"] else ""
