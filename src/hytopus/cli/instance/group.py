"""`hytopus instance`: game servers, from creation to destruction."""

from __future__ import annotations

from typing import Final

from hytopus.cli.connection.options import group

app: Final = group("instance", "Create, run and look into game servers.")
for _name, _path, _help in (
    ("create", "create:create", "Create a game server from layers."),
    ("list", "show:list_instances", "List game servers."),
    ("show", "show:show", "Show everything about one."),
    ("start", "steer:start", "Start it."),
    ("stop", "steer:stop", "Stop it, letting it save."),
    ("restart", "steer:restart", "Stop and start it."),
    ("kill", "steer:kill", "End it at once, without saving."),
    ("destroy", "steer:destroy", "Remove it with its files."),
    ("move", "move:move", "Have it live on another node, with its world."),
    ("upgrade", "steer:upgrade", "Take newer versions of its layers."),
    ("change", "steer:change", "Change its name, variables, limits or requirements."),
    ("preview", "plan:preview", "Show the files that layers would give, before anything is created."),
    ("plan", "plan:plan", "Show what an upgrade would do to its files."),
    ("cat", "files:cat", "Print one of its files."),
    ("edit", "files:edit", "Edit one of its files in your editor, while it is stopped."),
    ("get", "files:get", "Download one of its files."),
    ("put", "files:put", "Upload a file to it, while it is stopped."),
    ("rm", "files:remove", "Delete one of its files, while it is stopped."),
    ("logs", "console:logs", "Show what the server printed."),
    ("console", "console:console", "Attach to the server's console."),
    ("explain", "show:explain", "Say why it is where it is, or nowhere."),
    ("events", "show:events", "Show what happened to it."),
):
    app.command(f"hytopus.cli.instance.{_path}", name=_name, help=_help)
app.command(
    "hytopus.cli.instance.show:files", name=("files", "provenance"), help="Say which layer each file came from."
)
