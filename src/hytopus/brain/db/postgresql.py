"""Connections to PostgreSQL, with as few questions on the way as can be.

A Brain with a large fleet lives on small transactions, and each round trip costs it more than the database. So reading
needs no transaction: each statement sees what is committed by then, as it would in one. And a connection is asked
whether it still lives only when it was not used for a while.
"""

from __future__ import annotations

import time
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import URL, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_READING: Final = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""A Brain whose machine vanishes must not hold its locks for the two hours that TCP would wait."""
_WRITING: Final = {**_READING, "idle_in_transaction_session_timeout": "15000"}
"""Nor may one that hangs."""
_FRESH_S: Final = 1.0
"""What was used so recently is taken to live. If it does not, whoever has it gets the error, and all go."""
_USED: Final = "hytopus.used"


def engine(url: URL, *, writing: bool) -> AsyncEngine:
    opened = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        json_deserializer=from_json,
        pool_size=10,
        max_overflow=10,
        connect_args={"timeout": 10, "server_settings": _WRITING if writing else _READING},
        **({} if writing else {"isolation_level": "AUTOCOMMIT"}),
    )

    @event.listens_for(opened.sync_engine, "checkin")
    def _used(_connection: Any, record: Any) -> None:
        record.info[_USED] = time.monotonic()

    @event.listens_for(opened.sync_engine, "checkout")
    def _alive(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get(_USED, 0.0) < _FRESH_S:
            return
        try:
            connection.ping()
        except (DBAPIError, opened.sync_engine.dialect.loaded_dbapi.Error, OSError) as error:
            raise DisconnectionError from error  # the pool opens another one

    return opened
