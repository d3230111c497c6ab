"""The Brain's features, as routers."""

from __future__ import annotations

from typing import Final

from hytopus.brain.accounts.api import router as accounts
from hytopus.brain.accounts.oidc.api import router as single_sign_on
from hytopus.brain.accounts.second_factor_api import router as second_factor
from hytopus.brain.accounts.session_api import router as sessions
from hytopus.brain.activity.api import router as activity
from hytopus.brain.authority.api import router as authority
from hytopus.brain.authority.rotation_api import router as authority_rotation
from hytopus.brain.backups.api import router as backups
from hytopus.brain.crashes.api import router as crashes
from hytopus.brain.doctor.api import router as doctor
from hytopus.brain.files.drafts_api import router as draft_files
from hytopus.brain.files.instances_api import router as instance_files
from hytopus.brain.files.plans_api import router as upgrade_plans
from hytopus.brain.files.templates_api import router as template_files
from hytopus.brain.games.api import router as games
from hytopus.brain.history.api import router as history
from hytopus.brain.instances.api import router as instances
from hytopus.brain.instances.batch_api import router as instance_batches
from hytopus.brain.instances.inspect_api import router as instance_inspection
from hytopus.brain.instances.streams import router as instance_streams
from hytopus.brain.nodes.api import router as nodes
from hytopus.brain.overview.api import router as overview
from hytopus.brain.overview.brains_api import router as brains
from hytopus.brain.overview.health import router as health
from hytopus.brain.templates.api import router as templates
from hytopus.brain.templates.upload_api import router as uploads

API: Final = (
    accounts,
    second_factor,
    single_sign_on,
    sessions,
    activity,
    authority,
    authority_rotation,
    backups,
    brains,
    doctor,
    draft_files,
    crashes,
    games,
    history,
    instances,
    instance_batches,
    instance_files,
    instance_inspection,
    instance_streams,
    nodes,
    overview,
    template_files,
    templates,
    upgrade_plans,
    uploads,
)
"""Mounted below `/api/v1`."""
OUTSIDE: Final = (health,)
"""Mounted as they are."""
