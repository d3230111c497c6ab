"""An image's root file system out of Debian packages, for machines that reach no registry.

Uses the package sources this machine is configured with, whatever they are.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Final

from hytopus.games.definition import DebianImage
from hytopus.games.process import Progress, ToolFailed, run_tool

_TOOL_SECONDS: Final = 1800
_EPOCH: Final = 0
"""Every file laid over has this time, so that the same inputs give the same archive."""


async def make_rootfs(image: DebianImage, files: Mapping[Path, str], target: Path, *, progress: Progress) -> None:
    """Write the root file system as a tar file to `target`; `files` are laid over it (source to absolute path).

    Raises `ToolFailed`. Works beside `target`, so its folder needs the room.
    """
    if image.variant == "extract":
        debs = await _download(image, target.parent, progress)
        progress(f"unpacking {len(debs)} packages")
        await asyncio.to_thread(_unpack, debs, target)
    else:
        await _bootstrap(image, target, progress)
    await asyncio.to_thread(_lay_over, files, target)


async def _download(image: DebianImage, folder: Path, progress: Progress) -> list[Path]:
    """The packages and everything they depend on, as if nothing were installed here.

    First with the machine's own package lists; where those are missing or out of date, with lists of our own.
    """
    try:
        return await _fetch(image, folder, progress, [])
    except ToolFailed as error:
        progress(f"the package lists of this machine do not do ({error.tail.splitlines()[-1:]}); fetching fresh ones")
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    fresh = ["-o", f"Dir::State::lists={lists}"]
    await run_tool(["apt-get", *_apt(folder), *fresh, "update"], progress=progress, seconds=_TOOL_SECONDS)
    return await _fetch(image, folder, progress, fresh)


async def _fetch(image: DebianImage, folder: Path, progress: Progress, options: list[str]) -> list[Path]:
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    command = ["apt-get", *_apt(folder), *options, "--yes", "--download-only", "install", *image.packages]
    await run_tool(command, progress=progress, seconds=_TOOL_SECONDS)
    excluded = frozenset(image.exclude)
    return sorted(deb for deb in archives.glob("*.deb") if deb.name.partition("_")[0] not in excluded)


def _apt(folder: Path) -> list[str]:
    """Options that make apt-get plan for an empty system, touch nothing of this one, and need no rights."""
    status = folder / "status"
    status.touch()
    settings = {
        "Dir::State::status": status,
        "Dir::State::extended_states": folder / "extended_states",
        "Dir::Cache::archives": folder / "archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        "Debug::NoLocking": "true",
        "DPkg::Use-Pty": "false",
        "quiet": "1",
    }
    return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


def _unpack(debs: Iterable[Path], target: Path) -> None:
    """All packages' files in one archive. A path that two packages have is kept from the first."""
    seen: set[str] = set()
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as merged:
        for deb in debs:
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as process:  # noqa: S603, S607
                assert process.stdout is not None
                with tarfile.open(fileobj=process.stdout, mode="r|") as package:
                    for member in package:
                        if member.name not in seen and not _is_documentation(member.name):
                            seen.add(member.name)
                            merged.addfile(member, package.extractfile(member) if member.isreg() else None)
            if process.returncode:
                raise ToolFailed("dpkg-deb", process.returncode, f"{deb.name} cannot be unpacked")


_DOCUMENTATION: Final = re.compile(r"^\./usr/share/(doc|man|info|lintian|locale|bug)/.")
_LICENCE: Final = re.compile(r"/copyright$")


def _is_documentation(name: str) -> bool:
    """What nobody reads in a container; the licences stay."""
    return _DOCUMENTATION.match(name) is not None and _LICENCE.search(name) is None


async def _bootstrap(image: DebianImage, target: Path, progress: Progress) -> None:
    await _have_mmdebstrap(progress)
    sources = target.parent / "sources"
    sources.mkdir(exist_ok=True)
    mirrors = await asyncio.to_thread(collect_sources, Path("/etc/apt"), image.suite, sources)
    packages = ",".join(image.packages)
    options = [f"--variant={image.variant}", f"--include={packages}", "--format=tar", "--quiet"]
    command = ["mmdebstrap", *options, image.suite, str(target), *map(str, mirrors)]
    progress(f"building a Debian {image.suite} system with {packages}")
    await run_tool(command, progress=progress, seconds=_TOOL_SECONDS, environment={"SOURCE_DATE_EPOCH": str(_EPOCH)})


async def _have_mmdebstrap(progress: Progress) -> None:
    if shutil.which("mmdebstrap"):
        return
    if os.geteuid() != 0:
        raise ToolFailed("mmdebstrap", 127, "it is not installed; install it with `apt-get install mmdebstrap`")
    progress("mmdebstrap is missing; installing it with apt-get")
    command = ["apt-get", "install", "--yes", "--no-install-recommends", "mmdebstrap"]
    await run_tool(command, progress=progress, seconds=_TOOL_SECONDS)


def collect_sources(apt: Path, suite: str, folder: Path) -> list[Path]:
    """The machine's package sources that speak of a suite, each as a file in `folder`; all of them if none does.

    Both styles are read: one line per source (`.list`) and paragraphs (`.sources`).
    """
    files = [apt / "sources.list", *sorted(apt.glob("sources.list.d/*"))]
    texts = {file: file.read_text() for file in files if file.is_file() and file.suffix in {".list", ".sources"}}
    wanted = re.compile(rf"(?<![\w-]){re.escape(suite)}(-updates|-security|/updates)?(?![\w-])")
    chosen = []
    for file, text in texts.items():
        parts = re.split(r"\n\s*\n", text) if file.suffix == ".sources" else text.splitlines()
        kept = [part for part in parts if wanted.search(_suites(part, file.suffix))]
        if kept:
            copy = folder / file.name
            copy.write_text(("\n\n" if file.suffix == ".sources" else "\n").join(kept) + "\n")
            chosen.append(copy)
    return chosen or list(texts)


def _suites(part: str, style: str) -> str:
    """The suites a source is for: the field of that name, or the word after the address."""
    if style == ".sources":
        found = re.search(r"^Suites:(.*)$", part, re.MULTILINE)
        return found[1] if found else ""
    words = re.sub(r"\[[^\]]*\]", "", part).split()
    return words[2] if len(words) > 2 and words[0] == "deb" else ""


def _lay_over(files: Mapping[Path, str], target: Path) -> None:
    with tarfile.open(target, "a", format=tarfile.PAX_FORMAT) as rootfs:
        known = set(rootfs.getnames())
        for source, place in sorted(files.items()):
            path = PurePosixPath(place.lstrip("/"))
            for parent in reversed(path.parents):
                if str(parent) != "." and not known & {str(parent), f"./{parent}"}:
                    known.add(str(parent))
                    _add(rootfs, str(parent), 0o755, None)
            _add(rootfs, str(path), source.stat().st_mode & 0o777, source.open("rb"))


def _add(rootfs: tarfile.TarFile, name: str, mode: int, content: IO[bytes] | None) -> None:
    member = tarfile.TarInfo(name)
    member.mode = mode
    member.mtime = _EPOCH
    if content is None:
        member.type = tarfile.DIRTYPE
        rootfs.addfile(member)
        return
    with content:
        data = content.read()
    member.size = len(data)
    rootfs.addfile(member, io.BytesIO(data))
