"""`hytopus instance`: game servers, from creation to destruction."""

from __future__ import annotations

from typing import Final

from hytopus.cli.options import group

app: Final = group("instance", "Create, run and look into game servers.")
for _name, _path, _help in (
    ("create", "instance_create:create", "Create a game server from layers."),
    ("list", "instance_show:list_instances", "List game servers."),
    ("show", "instance_show:show", "Show everything about one."),
    ("start", "instance_steer:start", "Start it."),
    ("stop", "instance_steer:stop", "Stop it, letting it save."),
    ("restart", "instance_steer:restart", "Stop and start it."),
    ("kill", "instance_steer:kill", "End it at once, without saving."),
    ("destroy", "instance_steer:destroy", "Remove it with its files."),
    ("move", "instance_move:move", "Have it live on another node, with its world."),
    ("upgrade", "instance_steer:upgrade", "Take newer versions of its layers."),
    ("change", "instance_steer:change", "Change its name, variables, limits or requirements."),
    ("preview", "instance_plan:preview", "Show the files that layers would give, before anything is created."),
    ("plan", "instance_plan:plan", "Show what an upgrade would do to its files."),
    ("cat", "instance_files:cat", "Print one of its files."),
    ("edit", "instance_files:edit", "Edit one of its files in your editor, while it is stopped."),
    ("get", "instance_files:get", "Download one of its files."),
    ("put", "instance_files:put", "Upload a file to it, while it is stopped."),
    ("rm", "instance_files:remove", "Delete one of its files, while it is stopped."),
    ("logs", "instance_console:logs", "Show what the server printed."),
    ("console", "instance_console:console", "Attach to the server's console."),
    ("explain", "instance_show:explain", "Say why it is where it is, or nowhere."),
    ("events", "instance_show:events", "Show what happened to it."),
):
    app.command(f"hytopus.cli.{_path}", name=_name, help=_help)
app.command(
    "hytopus.cli.instance_show:files", name=("files", "provenance"), help="Say which layer each file came from."
)
