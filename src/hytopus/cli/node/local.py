"""`hytopus node join | run | status`: this machine as a node."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING

from hytopus.cli.extras import needs, reading_settings
from hytopus.cli.terminal.output import clock_time, note, plain, print_fields, print_json, say

if TYPE_CHECKING:
    from hytopus.node.settings import NodeSettings


def join(url: str, token: str, /, *, name: str | None = None, data_dir: Path | None = None) -> None:
    """Make this machine a node of the Brain at URL, with a token from `hytopus node token`.

    Parameters
    ----------
    name
        What to call this node; by default the machine's name.
    data_dir
        Where its identity, cache and instances are kept; by default what the settings say.
    """
    with needs("node", "node join"):
        from hytopus.node.link.joining import join as join_network

    directory = data_dir or _settings().data_dir
    chosen = name or gethostname().partition(".")[0].lower()
    identity = asyncio.run(join_network(url, token, directory, chosen))
    say(f"This machine is now the node {plain(identity.node_name)}. Next: hytopus node run")


def run(*, data_dir: Path | None = None) -> None:
    """Run the agent in the foreground, until Ctrl-C or SIGTERM. Game servers go on without it.

    Settings: /etc/hytopus/node.toml and HYTOPUS_NODE__… variables.
    """
    with needs("node", "node run"):
        import uvloop

        from hytopus.node.main import run as run_agent

    settings = _settings()
    if data_dir is not None:
        settings = settings.model_copy(update={"data_dir": data_dir})
    uvloop.run(run_agent(settings))


def status(*, data_dir: Path | None = None, json: bool = False) -> int:
    """Show what this machine is as a node. Exit code 1 where its agent does not run.

    Parameters
    ----------
    json
        Print JSON on standard output, for scripts.
    """
    with needs("node", "node status"):
        from hytopus.node.identity import load_identity

    settings = _settings()
    identity = load_identity(data_dir or settings.data_dir)
    runs = _agent_answers(f"http://{settings.metrics.host}:{settings.metrics.port}/healthz")
    fields = {
        "name": identity.node_name,
        "id": identity.node_id,
        "brain": identity.brain_url,
        "agent": "running" if runs else "not running",
        "certificate until": identity.valid()[1].isoformat(),
        "data": str(identity.directory),
    }
    if json:
        print_json(fields)
    else:
        print_fields({**fields, "certificate until": clock_time(fields["certificate until"])})
        if identity.valid()[1] < datetime.now(UTC):
            note("The certificate has expired: remove the node at the Brain and join again.")
    return 0 if runs else 1


def _agent_answers(url: str) -> bool:
    import httpx2

    try:
        return httpx2.get(url, timeout=2, trust_env=False).is_success
    except httpx2.HTTPError:
        return False


def _settings() -> NodeSettings:
    with needs("node", "node"):
        from hytopus.node.settings import NodeSettings as Settings
    with reading_settings("node"):
        return Settings()
