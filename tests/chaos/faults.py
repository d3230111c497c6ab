"""What goes wrong: each fault breaks one thing and says how to bring it back."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final

from tests.services.cable import Cable
from tests.services.postgres import PostgresProcess
from tests.services.stack import Stack
from tests.services.waiting import eventually_sync

LONGEST_OUTAGE_SECONDS: Final = 8.0


@dataclass
class Site:
    """Everything of one installation that can be broken."""

    stack: Stack
    postgres: PostgresProcess
    cable: Cable


@dataclass
class Faults:
    """Breaks one thing at a time and keeps the times until all was well again."""

    site: Site
    random: Random
    recovered: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def strike(self) -> str:
        """Break something, bring it back after a while, and wait until the Brain answers and the node is there."""
        name = self.random.choice(list(FAULTS))
        break_it, mend = FAULTS[name]
        break_it(self.site)
        time.sleep(self.random.uniform(0, LONGEST_OUTAGE_SECONDS))
        began, since = time.monotonic(), datetime.now(UTC)
        mend(self.site)
        self._wait(since)
        self.recovered[name].append(time.monotonic() - began)
        return name

    def _wait(self, since: datetime, seconds: float = 120) -> None:
        stack = self.site.stack
        what = f"everything to be up\n{stack.tails()}"
        eventually_sync(lambda: stack.is_up(since), timeout=seconds, every=0.1, what=what)


def _kill_s3(site: Site) -> None:
    assert site.stack.s3_server is not None
    site.stack.s3_server.kill()


def _start_s3(site: Site) -> None:
    assert site.stack.s3_server is not None
    site.stack.s3_server.start()


def _kill_engine(site: Site) -> None:
    assert site.stack.engine is not None
    site.stack.engine.kill()


def _start_engine(site: Site) -> None:
    assert site.stack.engine is not None
    site.stack.engine.start()


def _start_brain(site: Site) -> None:
    """As its supervisor would: it may end again while its database is away."""
    if not site.stack.brain.running:
        site.stack.brain.start()


def _start_postgres(site: Site) -> None:
    site.postgres.start()
    _start_brain(site)


FAULTS: Final[dict[str, tuple[Callable[[Site], None], Callable[[Site], None]]]] = {
    "kill -9 agent": (lambda site: site.stack.node.kill(), lambda site: site.stack.node.start()),
    "kill -9 Brain": (lambda site: site.stack.brain.kill(), _start_brain),
    "kill -9 dockerd": (_kill_engine, _start_engine),
    "kill -9 SeaweedFS": (_kill_s3, _start_s3),
    "kill -9 PostgreSQL": (lambda site: site.postgres.kill(), _start_postgres),
    "network cut": (lambda site: site.cable.cut(), lambda site: site.cable.mend()),
}
