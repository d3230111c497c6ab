"""What can be wrong with backups."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class BadBackupKey(HytopusError):
    code: ClassVar[str] = "bad_backup_key"
    template: ClassVar[str] = "The backup key in {file} cannot be used: {cause}."
    remedy: ClassVar[str] = "Make one with `hytopus brain backup-key FILE`, or put the one you kept there."


class BackupSealed(HytopusError):
    code: ClassVar[str] = "backup_sealed"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The backup is sealed with the key {key_id}, and {given}."
    remedy: ClassVar[str] = "Give the file you kept that key in: `--key-file FILE` or the setting backups.key_file."


class BackupNotSealed(HytopusError):
    code: ClassVar[str] = "backup_not_sealed"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The backup {backup} is not sealed, though there is a key: anybody may have put it there."
    remedy: ClassVar[str] = (
        "Use another one (`hytopus backup list`), and find out who writes to the store. If you are certain that it is "
        "yours, of a time before the key, restore it without `--key-file` and the setting backups.key_file."
    )


class BackupDamaged(HytopusError):
    code: ClassVar[str] = "backup_damaged"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The backup {backup} is damaged: {cause}."
    remedy: ClassVar[str] = "Use another one (`hytopus backup list`), and find out what has changed this one."


class BackupTooNew(HytopusError):
    code: ClassVar[str] = "backup_too_new"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The backup was made by Hytopus {version}, whose database this release does not know."
    remedy: ClassVar[str] = "Install Hytopus {version} or newer on this machine, then restore."


class BackupNotFound(HytopusError):
    code: ClassVar[str] = "backup_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no backup {backup} in {place}."
    remedy: ClassVar[str] = "`hytopus backup list` shows those there are; check bucket and prefix."


class NoBackups(HytopusError):
    code: ClassVar[str] = "no_backups"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no backup in {place}."
    remedy: ClassVar[str] = "Check bucket and prefix of `--s3-url`; backups lie below PREFIX/backups/."


class BackupInterrupted(HytopusError):
    code: ClassVar[str] = "backup_interrupted"
    template: ClassVar[str] = "The Brain that worked on it ended before it was done."
    remedy: ClassVar[str] = "Nothing; the next one is made by itself. `hytopus backup now` makes one at once."


class TargetNotEmpty(HytopusError):
    code: ClassVar[str] = "restore_target_not_empty"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "There is something at the place of the restore already: {what}."
    remedy: ClassVar[str] = (
        "Restore on an empty machine, or add `--overwrite`: files are moved aside, tables of a PostgreSQL are dropped."
    )


class BrainRuns(HytopusError):
    code: ClassVar[str] = "brain_runs"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "A Brain still works with {database}."
    remedy: ClassVar[str] = "Stop every Brain of this database first, then restore."
