"""What gRPC says, put so that an operator can do something about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hytopus.node.link.trouble import diagnose
from hytopus.wire.channel import LinkClosed

NOW = datetime(2026, 11, 23, tzinfo=UTC)
FAILED = "unavailable: failed to connect to all addresses; last error: UNKNOWN: ipv4:192.0.2.1:8421: "
TLS = (
    FAILED + "Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:1000007d:SSL routines:OPENSSL_internal:"
)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (FAILED + "Failed to connect to remote host: Connection refused", "brain_unreachable"),
        ("unavailable: errors resolving brain.test:8421: [Domain name not found]", "brain_name_unknown"),
        (TLS + "CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate: OK", "ca_mismatch"),
        (TLS + "CERTIFICATE_VERIFY_FAILED: certificate has expired: OK", "clock_skew"),
        (TLS + "CERTIFICATE_VERIFY_FAILED: certificate is not yet valid: OK", "clock_skew"),
        (TLS + "WRONG_VERSION_NUMBER: Invalid certificate verification context: OK", "not_a_brain"),
        (
            FAILED + "Custom verification check failed: UNAUTHENTICATED: Hostname Verification Check failed.",
            "not_a_brain",
        ),
        (FAILED + "Socket closed", "certificate_not_accepted"),
        ("unavailable: Socket closed", "brain_unreachable"),
        ("the Brain did not answer within 30 seconds", "brain_unreachable"),
    ],
)
def test_what_grpc_says_in_passing_becomes_a_cause_with_a_remedy(said: str, code: str) -> None:
    found = diagnose(LinkClosed(cause=said), "brain.test:8421", NOW, (NOW - timedelta(1), NOW + timedelta(1)))
    assert found.code == code
    assert found.advice


def test_ones_own_certificate_has_run_out() -> None:
    valid = (NOW - timedelta(days=100), NOW - timedelta(days=10))
    found = diagnose(LinkClosed(cause=FAILED + "Socket closed"), "brain.test:8421", NOW, valid)
    assert found.code == "certificate_out_of_time"
