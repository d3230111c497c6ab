"""Triggers that keep the audit log from being changed, for each database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

_WHY: Final = "the audit log is only ever appended to"

APPEND_ONLY: Final[Mapping[str, Sequence[str]]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_records_no_{verb.lower()} BEFORE {verb} ON audit_records "
        f"BEGIN SELECT RAISE(ABORT, '{_WHY}'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        (
            "CREATE OR REPLACE FUNCTION hytopus_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_WHY}'; END $$"
        ),
        (
            "CREATE TRIGGER audit_records_no_change BEFORE UPDATE OR DELETE ON audit_records "
            "FOR EACH ROW EXECUTE FUNCTION hytopus_append_only()"
        ),
        (
            "CREATE TRIGGER audit_records_no_truncate BEFORE TRUNCATE ON audit_records "
            "FOR EACH STATEMENT EXECUTE FUNCTION hytopus_append_only()"
        ),
    ),
}
