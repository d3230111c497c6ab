"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Iterator


def backoff(first: float = 0.2, limit: float = 30.0, factor: float = 2.0) -> Iterator[float]:
    """Seconds to wait, growing without end up to `limit`, each with full jitter down to a half.

    The jitter keeps a thousand nodes that lost their Brain at once from coming back at once.
    """
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreading load, not a secret
        delay = min(delay * factor, limit)
