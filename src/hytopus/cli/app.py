"""The command `hytopus`: its groups, loaded when they are used, and what becomes of errors."""

from __future__ import annotations

import sys
from typing import Final

from cyclopts import App, CycloptsError, Parameter

from hytopus import __version__
from hytopus.cli.failure import INTERRUPTED, USAGE, MachineRefused, exit_code, explain
from hytopus.errors import HytopusError

_COMMANDS: Final = {
    "up": ("hytopus.cli.up:up", "Start everything on this machine.", "Start"),
    "status": ("hytopus.cli.status:status", "Show how the network is doing.", "Start"),
    "login": ("hytopus.cli.login:login", "Log in to a Brain and remember it.", "Start"),
    "logout": ("hytopus.cli.login:logout", "Forget the login and revoke its token.", "Start"),
    "completion": ("hytopus.cli.completion:completion", "Print what completes commands in a shell.", "Start"),
    "whoami": ("hytopus.cli.login:whoami", "Show who you are to the Brain.", "Start"),
    "instance": ("hytopus.cli.instance.group:app", "Create, run and look into game servers.", "Game servers"),
    "template": ("hytopus.cli.template.group:app", "Pack, push and inspect template layers.", "Game servers"),
    "game": ("hytopus.cli.game:app", "List games and build their images.", "Game servers"),
    "node": ("hytopus.cli.node.group:app", "Join, run and care for nodes.", "Operation"),
    "crash": ("hytopus.cli.crash:app", "Look into crashes: one by one, and by their cause.", "Game servers"),
    "events": ("hytopus.cli.activity:events", "Show what happened.", "Operation"),
    "doctor": ("hytopus.cli.doctor:doctor", "Look for problems that need a person.", "Operation"),
    "history": ("hytopus.cli.history:history", "Show how busy everything was.", "Operation"),
    "audit": ("hytopus.cli.audit:app", "Show, check and export who changed what.", "Operation"),
    "user": ("hytopus.cli.user:app", "Manage accounts.", "Operation"),
    "session": ("hytopus.cli.session:app", "See and end your logins.", "Operation"),
    "second-factor": ("hytopus.cli.second_factor:app", "Protect your login with an authenticator app.", "Operation"),
    "token": ("hytopus.cli.token:app", "Manage API tokens.", "Operation"),
    "backup": ("hytopus.cli.backup:app", "List, make and verify backups of the Brain.", "Operation"),
    "brain": ("hytopus.cli.brain.group:app", "Run, back up and restore the Brain here.", "Operation"),
}

_EPILOGUE: Final = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not allowed or not logged in, 5 conflict, "
    "6 Brain not reachable, 130 interrupted."
)


def build() -> App:
    """The command tree. Nothing of a command is imported before it runs or its own help is shown."""
    app = App(
        "hytopus",
        version=__version__,
        help="Runs game-server networks: layered templates, built into servers on any number of nodes.",
        help_epilogue=_EPILOGUE,
        default_parameter=Parameter(negative=(), show_default=False),
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
    )
    for name, (path, description, group) in _COMMANDS.items():
        app.command(path, name=name, help=description, group=group)
    return app


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; gives the exit code."""
    try:
        result = build()(arguments, result_action="return_value")
    except CycloptsError:
        return USAGE  # already explained
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; there is nobody to tell
        return 0
    except (HytopusError, OSError) as error:
        problem = error if isinstance(error, HytopusError) else MachineRefused(why=error)
        explain(problem, as_json="--json" in arguments)
        return exit_code(problem)
    return result if isinstance(result, int) else 0
