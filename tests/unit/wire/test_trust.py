"""A fingerprint vouches for all that is believed with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hytopus.brain.authority.ca import Authority
from hytopus.wire.join import ca_fingerprint
from hytopus.wire.trust import fingerprint
from tests.harness.clock import ManualClock

WAYS = pytest.mark.parametrize("of", [fingerprint, ca_fingerprint])


async def _authorities(directory: Path, count: int) -> list[str]:
    return [(await Authority.open(directory / str(n), clock=ManualClock())).ca_pem for n in range(count)]


async def test_both_ways_agree(tmp_path: Path) -> None:
    [pem] = await _authorities(tmp_path, 1)
    assert fingerprint(pem) == ca_fingerprint(pem)


@WAYS
async def test_a_second_certificate_does_not_travel_in_the_shadow_of_the_first(
    tmp_path: Path, of: Callable[[str], str]
) -> None:
    """Where DER ends in padding, a reader of the first alone would say the fingerprint of the right authority."""
    real, *forged = await _authorities(tmp_path, 7)
    for other in forged:
        for bundle in (real + other, other + real, f"{real}# note\n{other}", real + other.replace("CERT", "X509 CERT")):
            with pytest.raises(ValueError, match="not one certificate"):
                of(bundle)


@WAYS
@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_has_no_fingerprint(of: Callable[[str], str], text: str) -> None:
    if text.startswith("-----") and of is fingerprint:
        return  # told apart when the certificate is used
    with pytest.raises(ValueError, match=r".+"):
        of(text)
