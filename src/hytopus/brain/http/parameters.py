"""Numbers and moments in queries and headers, in bounds that every database and every reader of JSON takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator

from hytopus.errors import HytopusError

LARGEST: Final = 2**53 - 1
"""What browsers hold exactly; less than the columns of the database."""


class BadEventId(HytopusError):
    code: ClassVar[str] = "bad_event_id"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{given!r} is not the id of an event or a line."
    remedy: ClassVar[str] = "Send the `id` of the last one you saw as `Last-Event-ID` or `after`, or neither."


def event_number(given: str) -> int:
    """What a browser sends as `Last-Event-ID` when it reconnects. Raises `BadEventId`."""
    if not given.isascii() or not given.isdigit() or len(given) > len(str(LARGEST)) or int(given) > LARGEST:
        raise BadEventId(given=given[:64])
    return int(given)


def in_utc(moment: datetime) -> datetime:
    """Without a time zone it is meant to be UTC. Raises ValueError where UTC has no such year."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside of the years 1 to 9999") from error


Moment = Annotated[datetime, AfterValidator(in_utc)]
