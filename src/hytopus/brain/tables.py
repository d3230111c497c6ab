"""Every table of the Brain in one place: importing a feature's models registers them."""

from __future__ import annotations

from typing import Final

from hytopus.brain.accounts import models as accounts
from hytopus.brain.activity import models as activity
from hytopus.brain.authority import models as authority
from hytopus.brain.backups import models as backups
from hytopus.brain.brains import models as brains
from hytopus.brain.crashes import models as crashes
from hytopus.brain.db import models as db
from hytopus.brain.db.base import Base
from hytopus.brain.history import models as history
from hytopus.brain.http import models as http
from hytopus.brain.instances import models as instances
from hytopus.brain.nodes import models as nodes
from hytopus.brain.templates import models as templates

FEATURES: Final = (
    accounts,
    activity,
    authority,
    backups,
    brains,
    crashes,
    db,
    history,
    http,
    instances,
    nodes,
    templates,
)
TABLES: Final = frozenset(Base.metadata.tables) | {"alembic_version"}
"""Names of the tables of this release."""
