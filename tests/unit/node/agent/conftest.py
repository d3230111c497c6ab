from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hytopus.node.runtime.fake import FakeRuntime
from tests.unit.node.agent.bed import Bed
from tests.unit.node.runner.clock import StillClock


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    """A node whose agent runs and holds nothing."""
    clock = StillClock()
    async with FakeRuntime.open(clock) as runtime:
        bed = Bed(tmp_path, clock, runtime)
        await bed.start_agent()
        yield bed
        await bed.kill_agent()
