"""A Brain as the tests start it: the real one, telling its addresses and the first admin's password in a file.

Run as `python -m tests.services.brain FILE`; settings come from the environment, as in production.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import uvloop

from hytopus.brain.main import Running, run
from hytopus.brain.settings import load_settings


def main(target: Path) -> None:
    known = json.loads(target.read_text()) if target.exists() else {}

    def ready(running: Running) -> None:
        known.update(url=running.url, sessions=running.session_address, join=running.join_address)
        if running.admin_password:
            known["password"] = running.admin_password
        temporary = target.with_suffix(".new")
        temporary.write_text(json.dumps(known))
        temporary.rename(target)

    uvloop.run(run(load_settings(), ready=ready))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
