"""`hytopus status`: the whole network at a glance."""

from __future__ import annotations

from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.terminal.output import plain, print_fields, print_json


async def status(*, options: Options = DEFAULTS) -> None:
    """Show how the network is doing."""
    async with connect(options) as api:
        found = await api.get("/status")
    if options.json:
        print_json(found)
        return
    print_fields(
        {
            "brain": f"{plain(api.credentials.url)}, version {plain(found['version'])}",
            "nodes": _counts(found["nodes"]),
            "instances": _counts(found["instances"]),
            "templates": f"{found['templates']} in {found['template_versions']} versions",
        }
    )


def _counts(by_state: dict[str, int]) -> str:
    present = {state: count for state, count in by_state.items() if count}
    return ", ".join(f"{count} {plain(state)}" for state, count in present.items()) or "none"
