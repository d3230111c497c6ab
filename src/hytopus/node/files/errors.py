"""What can be wrong with a question about files, or with a change to them."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class BadPath(HytopusError):
    code: ClassVar[str] = "bad_path"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{path!r} is no path inside the directory: {why}."
    remedy: ClassVar[str] = "Write it relative to the directory, as the list of files shows it."


class FileMissing(HytopusError):
    code: ClassVar[str] = "file_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no file {path!r}."
    remedy: ClassVar[str] = "Reload the list of files; the server may have removed it."


class NotAFile(HytopusError):
    code: ClassVar[str] = "not_a_file"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{path!r} is {what}, which is neither read nor written."
    remedy: ClassVar[str] = "Only ordinary files are; a link is never followed."


class NotAFolder(HytopusError):
    code: ClassVar[str] = "not_a_folder"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{path!r} is {what}, so nothing can lie in it."
    remedy: ClassVar[str] = "Choose another path, or delete that one first."


class FolderNotEmpty(HytopusError):
    code: ClassVar[str] = "folder_not_empty"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The folder {path!r} holds something."
    remedy: ClassVar[str] = "Say that it is to be deleted with all it holds (`recursive`)."


class FileChanged(HytopusError):
    code: ClassVar[str] = "file_changed"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{path!r} is not what you have seen of it: {what}."
    remedy: ClassVar[str] = "Nothing was written. Look at it as it is now, then write again."


class FileTooLarge(HytopusError):
    code: ClassVar[str] = "file_too_large"
    status: ClassVar[int] = 413
    template: ClassVar[str] = "{path!r} would be larger than {limit_mb} MB, the disk space of the instance."
    remedy: ClassVar[str] = "Give the instance more disk (`hytopus instance change --disk`), or upload less."


class FileShrank(HytopusError):
    code: ClassVar[str] = "file_changed_while_read"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{path!r} became shorter while it was being read."
    remedy: ClassVar[str] = "Fetch it again; a stopped server leaves its files alone."
    retryable: ClassVar[bool] = True


class UploadCut(HytopusError):
    code: ClassVar[str] = "upload_cut"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The upload of {path!r} ended before it was complete, so nothing was written."
    remedy: ClassVar[str] = "Send it again."
