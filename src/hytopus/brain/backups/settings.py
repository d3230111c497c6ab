"""When the Brain is backed up, how long backups are kept, and with which key they are sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0, le=1000)]


class BackupSettings(BaseModel):
    """Backups of the Brain. They lie in the object store, below `backups/`."""

    model_config = ConfigDict(extra="forbid")

    every_hours: Annotated[float, Field(ge=0, le=744)] = 24
    """Hours between two backups; 0 makes none by itself."""
    verify: bool = True
    """Read every backup back and restore it into a scratch database before it counts."""
    keep_last: Annotated[int, Field(ge=1, le=1000)] = 7
    """The newest ones kept. What somebody made by hand is kept until somebody deletes it."""
    keep_daily: Count = 7
    """Days of which the newest is kept."""
    keep_weekly: Count = 4
    """Weeks of which the newest is kept."""
    key_file: Path | None = None
    """The key that seals backups (`hytopus brain backup-key FILE`). Without one, the keys of the Brain stay out."""
