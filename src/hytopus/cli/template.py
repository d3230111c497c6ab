"""`hytopus template`: layers, from a directory to the object store and back."""

from __future__ import annotations

from typing import Final

from hytopus.cli.options import group

app: Final = group("template", "Pack, push and inspect template layers.")
for _name, _path, _help in (
    ("push", "template_push:push", "Pack a directory and put it into the store as a version."),
    ("list", "template_show:list_templates", "List the templates."),
    ("show", "template_show:show", "Show a template and its versions."),
    ("files", "template_files:files", "List the files of a version."),
    ("cat", "template_files:cat", "Print a file of a version."),
    ("pull", "template_pull:pull", "Fetch a version, as archive or directory."),
    ("delete", "template_show:delete", "Delete a version, or a whole template."),
    ("pack", "template_local:pack", "Pack a directory into an archive."),
    ("lint", "template_local:lint", "Look for mistakes in a template."),
    ("diff", "template_pull:diff", "Compare two templates."),
    ("import-hytale", "template_local:import_hytale", "Make a base template of your own Hytale download."),
):
    app.command(f"hytopus.cli.{_path}", name=_name, help=_help)
