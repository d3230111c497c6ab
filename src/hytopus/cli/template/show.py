"""`hytopus template list | show | delete`."""

from __future__ import annotations

from typing import Any, Literal

from hytopus.cli.connection.client import Api, Json, at
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.terminal.ask import confirm
from hytopus.cli.terminal.output import age, clock_time, plain, print_fields, print_json, print_table, say, size
from hytopus.layers.reference import LayerReference


async def list_templates(
    text: str | None = None,
    /,
    *,
    type: Literal["master", "gamemode", "map", "custom"] | None = None,
    tag: tuple[str, ...] = (),
    options: Options = DEFAULTS,
) -> None:
    """List the templates.

    Parameters
    ----------
    text
        Only those whose id or description holds this.
    tag
        Only those with this tag; with several, with all of them.
    """
    async with connect(options) as api:
        templates = [each async for each in api.items("/templates", text=text, type=type, tag=list(tag))]
    if options.json:
        print_json(templates)
        return
    print_table(
        ("ID", "TYPE", "NEWEST", "VERSIONS", "SIZE", "USED BY", "TAGS", "DESCRIPTION"),
        (_row(template) for template in templates),
        empty="No templates. `hytopus template push` makes one.",
    )


async def show(reference: str, /, *, options: Options = DEFAULTS) -> None:
    """Show a template and its versions, or one version: `id` or `id@version`."""
    layer = LayerReference.parse(reference)
    async with connect(options) as api:
        if layer.version is None:
            await _show_template(api, layer.template_id, options)
        else:
            await _show_version(api, layer.template_id, layer.version, options)


async def delete(reference: str, /, *, yes: bool = False, options: Options = DEFAULTS) -> None:
    """Delete a version (`id@version`), or a template with all its versions (`id`).

    Refused while an instance uses it.
    """
    layer = LayerReference.parse(reference)
    what = f"version {layer.version} of {layer.template_id}" if layer.version else f"{layer.template_id}, all versions"
    confirm(f"Delete {what}?", yes=yes)
    path = at("templates", layer.template_id, *(("versions", layer.version) if layer.version else ()))
    async with connect(options) as api:
        await api.delete(path)
    say(f"Deleted {plain(what)}.")


async def _show_template(api: Api, template_id: str, options: Options) -> None:
    template = await api.get(at("templates", template_id))
    versions = [each async for each in api.items(at("templates", template_id, "versions"))]
    if options.json:
        print_json({**template, "all_versions": versions})
        return
    print_fields(
        {
            "id": template["id"],
            "type": template["type"],
            "description": template["description"],
            "tags": template["tags"],
            "used by": f"{template['usage']} instances",
        }
    )
    say("")
    rows = (
        (
            version["version"],
            size(version["size"]),
            version["files"],
            version["checksum"][:12],
            f"{age(version['created_at'])} ago",
            version["created_by"],
            version["used_by"],
        )
        for version in versions
    )
    print_table(("VERSION", "SIZE", "FILES", "CHECKSUM", "PUSHED", "BY", "USED BY"), rows, empty="No versions.")


async def _show_version(api: Api, template_id: str, version: str, options: Options) -> None:
    found = await api.get(at("templates", template_id, "versions", version))
    if options.json:
        print_json(found)
        return
    rules = found["rules"]
    print_fields(
        {
            "template": f"{found['template_id']}@{found['version']}",
            "size": size(found["size"]),
            "files": found["files"],
            "checksum": found["checksum"],
            "object": found["s3_key"],
            "pushed": f"{clock_time(found['created_at'])} by {plain(found['created_by'])}",
            "used by": found["used_by"],
            "game": rules.get("game"),
            "variables": [_variable(name, each) for name, each in rules.get("variables", {}).items()],
            "removes": rules.get("remove"),
            "clean": rules.get("clean") or None,
            "requires": rules.get("require"),
        }
    )


def _row(template: Json) -> tuple[Any, ...]:
    newest = template["newest"] or {}
    return (
        template["id"],
        template["type"],
        newest.get("version"),
        template["versions"],
        size(newest.get("size")),
        template["usage"],
        template["tags"],
        template["description"],
    )


def _variable(name: str, variable: Json) -> str:
    words = [word for word in ("required", "secret") if variable.get(word)]
    default = variable.get("default")
    shown = f"{name}={default}" if default is not None else name
    return f"{shown} ({', '.join(words)})" if words else shown
