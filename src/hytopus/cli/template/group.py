"""`hytopus template`: layers, from a directory to the object store and back."""

from __future__ import annotations

from typing import Final

from hytopus.cli.connection.options import group

app: Final = group("template", "Pack, push and inspect template layers.")
for _name, _path, _help in (
    ("push", "push:push", "Pack a directory and put it into the store as a version."),
    ("list", "show:list_templates", "List the templates."),
    ("show", "show:show", "Show a template and its versions."),
    ("files", "files:files", "List the files of a version."),
    ("cat", "files:cat", "Print a file of a version."),
    ("pull", "pull:pull", "Fetch a version, as archive or directory."),
    ("delete", "show:delete", "Delete a version, or a whole template."),
    ("pack", "local:pack", "Pack a directory into an archive."),
    ("lint", "local:lint", "Look for mistakes in a template."),
    ("diff", "pull:diff", "Compare two templates."),
    ("import-hytale", "local:import_hytale", "Make a base template of your own Hytale download."),
):
    app.command(f"hytopus.cli.template.{_path}", name=_name, help=_help)
