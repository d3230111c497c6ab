"""Which protocol numbers are served."""

from __future__ import annotations

import pytest

from hytopus.wire.version import OLDEST, PROTOCOL, ProtocolTooNew, ProtocolTooOld, check_protocol


def test_every_number_from_the_oldest_to_our_own_is_served() -> None:
    for served in range(OLDEST, PROTOCOL + 1):
        check_protocol(served)


def test_numbers_before_and_beyond_are_refused_with_what_is_served() -> None:
    with pytest.raises(ProtocolTooOld, match="at least"):
        check_protocol(OLDEST - 1)
    with pytest.raises(ProtocolTooNew, match="only up to"):
        check_protocol(PROTOCOL + 1)
