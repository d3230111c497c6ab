"""`hytopus node`: joining and running a node here, and caring for the nodes of a network."""

from __future__ import annotations

from typing import Final

from hytopus.cli.connection.options import group

app: Final = group("node", "Join, run and care for nodes.")
for _name, _path, _help in (
    ("list", "show:list_nodes", "List the nodes."),
    ("show", "show:show", "Show everything about one."),
    ("cordon", "steer:cordon", "Place nothing new on it."),
    ("uncordon", "steer:uncordon", "Place new instances on it again."),
    ("drain", "steer:drain", "Stop what runs there, or move it away, for maintenance."),
    ("undrain", "steer:undrain", "Stop draining it."),
    ("lost", "steer:lost", "Declare it lost: what may be replaced is started elsewhere."),
    ("dev-mode", "steer:dev_mode", "Fetch templates anew for every instance."),
    ("cache", "show:cache", "Show what its template cache holds."),
    ("purge", "steer:purge", "Throw away cached templates."),
    ("change", "steer:change", "Change its name, region, tags or slots."),
    ("revoke", "steer:revoke", "End its identity at once."),
    ("remove", "steer:remove", "Take it out of the network."),
    ("join", "local:join", "Make this machine a node."),
    ("run", "local:run", "Run the agent on this machine."),
    ("status", "local:status", "Show what this machine is as a node."),
):
    app.command(f"hytopus.cli.node.{_path}", name=_name, help=_help)
app.command(
    "hytopus.cli.node.steer:join_token", name=("token", "join-token"), help="Allow one machine to become a node."
)
app.command("hytopus.cli.doctor:node_doctor", name="doctor", help="Look for problems of this machine as a node.")
