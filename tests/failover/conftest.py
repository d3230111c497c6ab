"""Three Brains and a few nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.side_by_side.world import Network, open_network
from tests.services.seaweed import S3


@pytest.fixture
async def network(tmp_path: Path, postgres: str, s3: S3) -> AsyncIterator[Network]:
    async with open_network(tmp_path, postgres, s3, brains=3, arms=6) as opened:
        yield opened
