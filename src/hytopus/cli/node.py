"""`hytopus node`: joining and running a node here, and caring for the nodes of a network."""

from __future__ import annotations

from typing import Final

from hytopus.cli.options import group

app: Final = group("node", "Join, run and care for nodes.")
for _name, _path, _help in (
    ("list", "node_show:list_nodes", "List the nodes."),
    ("show", "node_show:show", "Show everything about one."),
    ("cordon", "node_steer:cordon", "Place nothing new on it."),
    ("uncordon", "node_steer:uncordon", "Place new instances on it again."),
    ("drain", "node_steer:drain", "Stop what runs there, or move it away, for maintenance."),
    ("undrain", "node_steer:undrain", "Stop draining it."),
    ("lost", "node_steer:lost", "Declare it lost: what may be replaced is started elsewhere."),
    ("dev-mode", "node_steer:dev_mode", "Fetch templates anew for every instance."),
    ("cache", "node_show:cache", "Show what its template cache holds."),
    ("purge", "node_steer:purge", "Throw away cached templates."),
    ("change", "node_steer:change", "Change its name, region, tags or slots."),
    ("revoke", "node_steer:revoke", "End its identity at once."),
    ("remove", "node_steer:remove", "Take it out of the network."),
    ("join", "node_local:join", "Make this machine a node."),
    ("run", "node_local:run", "Run the agent on this machine."),
    ("doctor", "doctor:node_doctor", "Look for problems of this machine as a node."),
    ("status", "node_local:status", "Show what this machine is as a node."),
):
    app.command(f"hytopus.cli.{_path}", name=_name, help=_help)
app.command(
    "hytopus.cli.node_steer:join_token", name=("token", "join-token"), help="Allow one machine to become a node."
)
