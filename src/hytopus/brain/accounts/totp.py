"""Codes of the second factor: RFC 6238 as every authenticator app does it, and recovery codes for when it is lost."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

import pyotp
import segno

PERIOD_SECONDS: Final = 30
_DRIFT: Final = 1
"""So many periods a clock may be off, either way."""
RECOVERY_CODES: Final = 10
_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"


def new_secret() -> str:
    """160 random bits in base32, as RFC 4226 recommends."""
    return pyotp.random_base32(32)


def enrolment_uri(secret: str, *, user: str, host: str) -> str:
    """What an app reads out of the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=f"{user}@{host}", issuer_name="Hytopus")


def qr_code(text: str) -> str:
    """A picture as a data URI (SVG); made here, because the text is a secret."""
    return str(segno.make(text, error="m").svg_data_uri(scale=4, border=2, dark="#000", light="#fff"))


def matching_period(secret: str, code: str, at: datetime, *, after: int) -> int | None:
    """The period whose code this is, near `at` and later than the period `after`: no code is good twice."""
    now, totp = int(at.timestamp()) // PERIOD_SECONDS, pyotp.TOTP(secret)
    for period in range(now - _DRIFT, now + _DRIFT + 1):
        if period > after and hmac.compare_digest(totp.generate_otp(period).encode(), code.encode()):
            return period
    return None


def new_recovery_codes() -> list[str]:
    """Each 79 bits, in groups that can be typed."""

    def group() -> str:
        return "".join(secrets.choice(_ALPHABET) for _ in range(4))

    return ["-".join(group() for _ in range(4)) for _ in range(RECOVERY_CODES)]


def normalised(code: str) -> str:
    """As it was made, however it was typed."""
    return "".join(letter for letter in code.lower() if letter.isalnum())


def hash_recovery_code(code: str) -> str:
    """Plain SHA-256 is enough for what nobody can guess."""
    return hashlib.sha256(normalised(code).encode()).hexdigest()
