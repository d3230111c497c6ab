"""Turns an operator's own Hytale download into a base template.

Hytale's files may not be passed on (its EULA, section 3.3), so Hytopus brings none of them and takes them from where
the operator has them: the archive of the official downloader, or an installed server.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import ClassVar, Final

from hytopus.errors import HytopusError
from hytopus.layers.reference import is_version

JAR: Final = "HytaleServer.jar"
ASSETS: Final = "Assets.zip"

_TAKEN: Final = re.compile(r"HytaleServer\.(jar|aot|aot\.config)|Licenses/.+|Assets\.zip")
"""What a server folder has that is the game. Worlds, settings, logs and above all logins are left where they are."""

_VERSION_LINE: Final = re.compile(r"^(?:Implementation|Specification|Bundle)-Version:\s*(\S+)", re.MULTILINE)
_VERSION_NAME: Final = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?")
_CHUNK: Final = 4 * 1024 * 1024

_RULES: Final = """\
type = "master"
description = "The Hytale server{version}, from your own download. Not to be passed on."
tags = [{tags}]
game = "hytale"
require = ["HytaleServer.jar", "Assets.zip"]

# Nothing in here has placeholders.
[substitute]
exclude = ["**"]
"""


class NotAHytaleServer(HytopusError):
    code: ClassVar[str] = "not_a_hytale_server"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{source} is not a Hytale server's download: {why}"
    remedy: ClassVar[str] = (
        "Give the zip that the official downloader made, or a folder with Server/HytaleServer.jar and Assets.zip."
    )


class ImportFailed(HytopusError):
    code: ClassVar[str] = "hytale_import_failed"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The Hytale server cannot be laid out in {target}: {why}"
    remedy: ClassVar[str] = "{what}"


def import_hytale(source: Path, target: Path) -> Path:
    """Make a template directory at `target`, which must not exist or be empty; returns it.

    An installed server's files are linked where the file system can, so that four gigabytes are not doubled.
    Blocking; minutes for an archive. Leaves nothing behind when it fails.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ImportFailed(target=target, why="it is there already", what="Name a directory that does not exist yet.")
    with _made_whole(target) as part:
        if source.is_dir():
            _take_folder(source, part)
        elif source.is_file():
            _take_archive(source, part)
        else:
            raise NotAHytaleServer(source=source, why="there is no such file or folder")
        _check(source, part)
        version = _version(part / JAR) or _version_in_name(source)
        (part / "template.toml").write_text(_rules(version), encoding="utf-8")
    return target


@contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """A directory that gets its name when it is complete."""
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        if target.exists():
            target.rmdir()
        part.rename(target)
    except OSError as error:
        what = "Free some disk: about four gigabytes are needed." if error.errno == errno.ENOSPC else ""
        raise ImportFailed(target=target, why=error.strerror or str(error), what=what) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _take_folder(source: Path, part: Path) -> None:
    for file in sorted(_server_folder(source).rglob("*")):
        name = file.relative_to(_server_folder(source)).as_posix()
        if _TAKEN.fullmatch(name) and file.is_file() and not file.is_symlink():
            _link(file, part / name)
    if (part / ASSETS).exists():
        return
    beside = [folder / ASSETS for folder in (source, _server_folder(source).parent)]
    found = next((file for file in beside if file.is_file()), None)
    if found is None:
        raise NotAHytaleServer(source=source, why=f"{ASSETS} is missing")
    _link(found, part / ASSETS)


def _server_folder(source: Path) -> Path:
    """Where the jar is: the folder itself, or `Server` in it."""
    found = next((folder for folder in (source, source / "Server") if (folder / JAR).is_file()), None)
    if found is None:
        raise NotAHytaleServer(source=source, why=f"{JAR} is missing")
    return found


def _link(file: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, place)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}:
            raise
        shutil.copyfile(file, place)


def _take_archive(source: Path, part: Path) -> None:
    try:
        with zipfile.ZipFile(source) as archive:
            for member in archive.infolist():
                name = _inner_name(member.filename)
                if name and not member.is_dir():
                    _extract(archive, member, part / name)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise NotAHytaleServer(source=source, why=f"the archive cannot be read ({error})") from error


def _inner_name(filename: str) -> str | None:
    """Where a member of the archive goes; None for what is not taken, whatever folder it lies in."""
    path = PurePosixPath(filename)
    if path.is_absolute() or ".." in path.parts:
        return None
    parts = path.parts
    for start in range(len(parts)):
        name = "/".join(parts[start:])
        if _TAKEN.fullmatch(name):
            return name
    return None


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as content, place.open("wb") as file:
        shutil.copyfileobj(content, file, _CHUNK)


def _check(source: Path, part: Path) -> None:
    """The jar must be a program and the assets an archive; a download that broke off is neither."""
    for name in (JAR, ASSETS):
        if not (part / name).is_file():
            raise NotAHytaleServer(source=source, why=f"{name} is missing")
        try:
            with zipfile.ZipFile(part / name) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile as error:
            raise NotAHytaleServer(source=source, why=f"{name} is damaged or incomplete ({error})") from error
        if not names:
            raise NotAHytaleServer(source=source, why=f"{name} is empty")
    if "Main-Class:" not in _manifest(part / JAR):
        raise NotAHytaleServer(source=source, why=f"{JAR} is not a program for Java")


def _manifest(jar: Path) -> str:
    with zipfile.ZipFile(jar) as archive:
        try:
            return archive.read("META-INF/MANIFEST.MF").decode(errors="replace")
        except KeyError:
            return ""


def _version(jar: Path) -> str | None:
    found = _VERSION_LINE.search(_manifest(jar))
    return found[1] if found and is_version(found[1]) else None


def _version_in_name(source: Path) -> str | None:
    """The downloader names its archives by version."""
    found = _VERSION_NAME.search(source.stem if source.is_file() else source.name)
    return found[0] if found else None


def _rules(version: str | None) -> str:
    tags = ", ".join(f'"{tag}"' for tag in ("hytale", version) if tag)
    return _RULES.format(version=f" {version}" if version else "", tags=tags)
