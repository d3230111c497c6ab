"""The API beside a storm of creations: every request is answered, and everything asked for is there once.

`python -m bench scale` does the same with a thousand nodes and prints how long the answers took.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fleet.installation import Installation, installed
from tests.fleet.load import LOOKS, Tally, create_many, listening, looking_around
from tests.services.seaweed import S3

pytestmark = [pytest.mark.postgres, pytest.mark.s3, pytest.mark.timeout(600)]

NODES = 12
CREATIONS = 60


@pytest.fixture
async def fleet(tmp_path: Path, postgres: str, s3: S3) -> AsyncIterator[Installation]:
    async with installed(tmp_path, postgres, s3, fleet=NODES, each=2) as opened:
        yield opened


async def test_no_request_is_lost_while_many_instances_are_created(fleet: Installation) -> None:
    tally = Tally()
    nodes = [f"arm-{number:04}" for number in range(NODES)]
    names = [f"new-{number}" for number in range(CREATIONS)]
    async with fleet.client() as client, listening(client) as feed:
        async with looking_around(client, tally, [f"{node}-0" for node in nodes], nodes, pause_s=0.02):
            created = await create_many(client, tally, names)
            await feed.until(((key, "running") for key in created.values()), timeout=120)
        again = await create_many(client, tally, names)
        shown = (await client.get("instances?limit=500")).json()["items"]
    assert not tally.lost, tally.lost[:5]
    assert again == created, "a creation that is repeated with its key is the same one"
    assert {route for route, _ in LOOKS} <= tally.seconds.keys()
    assert Counter(item["name"] for item in shown) == Counter([*names, *(f"{a}-{b}" for a in nodes for b in (0, 1))])
    assert not fleet.doubled(), "each start is one start"
    assert feed.ids == sorted(set(feed.ids)), "every event once, in order"
