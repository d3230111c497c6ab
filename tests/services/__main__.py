"""`python -m tests.services` installs what the tests need, so that no test has to wait for apt-get."""

from __future__ import annotations

from tests.services import chromium, docker, oidc, postgres
from tests.services.machine import is_ours, say
from tests.services.programs import ensure_xfs


def main() -> None:
    if not is_ours():
        say("this is not Debian or Ubuntu, or not root: tests that lack a service will be skipped")
        return
    postgres.ensure_installed()
    chromium.ensure_installed()
    if not docker.engine_answers():
        docker.ensure_installed()
    ensure_xfs()
    oidc.ensure_installed()


if __name__ == "__main__":
    main()
