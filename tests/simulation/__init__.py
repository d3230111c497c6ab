"""Brains, nodes and everything that can go wrong with them, on a clock moved by hand.

`make test` tells hundreds of stories, `make simulation` thousands: `HYTOPUS_SIMULATION_EXAMPLES` of each kind.
"""

from __future__ import annotations

import os


def stories(by_default: int) -> int:
    """How many of a kind."""
    return int(os.environ.get("HYTOPUS_SIMULATION_EXAMPLES", by_default))
