"""Every table of the Brain in one place, for migrations and tests: importing a feature's models registers them."""

from __future__ import annotations

from hytopus.brain.activity import models as activity

FEATURES = (activity,)
