"""`hytopus template push`: safe to repeat, and invisible to everybody until it is whole."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from hytopus.cli.connection.client import Api, Json, at
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.failure import ApiProblem, Usage
from hytopus.cli.template.transfer import Advance, upload
from hytopus.cli.terminal.output import note, plain, print_json, say, size
from hytopus.cli.terminal.progress import bytes_bar
from hytopus.errors import HytopusError
from hytopus.layers.archive import scan
from hytopus.layers.compression import open_window
from hytopus.layers.pack import pack
from hytopus.layers.reference import LayerReference
from hytopus.layers.rules import TemplateRules

FORMATS: Final = ("tar.zst", "tar.gz", "tar")


class NotATemplate(HytopusError):
    code: ClassVar[str] = "not_a_template"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{path} is neither a directory nor a .tar.zst, .tar.gz or .tar archive."
    remedy: ClassVar[str] = "Name the directory whose files the layer shall have."


@dataclass(frozen=True, slots=True)
class Archive:
    """A packed layer on this machine, and what the Brain wants to know of it."""

    file: Path
    format: str
    size: int
    checksum: str
    files: int
    rules: TemplateRules


async def push(source: Path, reference: str | None = None, /, *, options: Options = DEFAULTS) -> None:
    """Pack a directory (or take an archive) and put it into the store: `hytopus template push ./lobby lobby@1.2`.

    Without a reference the template is called like the directory; without a version it gets the next whole number,
    or none where the newest version has this very content. The same files give the same archive, so pushing again
    does nothing; other files under a version that exists are refused.
    """
    wanted = LayerReference.parse(reference or name_of(source))
    with tempfile.TemporaryDirectory(prefix="hytopus-push-") as folder:
        archive = await asyncio.to_thread(prepare, source, Path(folder))
        async with connect(options) as api:
            version = wanted.version or await next_version(api, wanted.template_id, archive.checksum)
            layer = LayerReference(wanted.template_id, version)
            with bytes_bar(f"pushing {layer}", archive.size) as advance:
                pushed, sent = await push_archive(api, layer.template_id, version, archive, advance)
    if options.json:
        print_json({**pushed, "sent": sent})
    elif sent:
        say(f"Pushed {plain(layer)}: {archive.files} files, {size(archive.size)}, checksum {archive.checksum[:12]}.")
    else:
        say(f"{plain(layer)} is there already with this very content; nothing to do.")


def name_of(source: Path) -> str:
    """What a directory or an archive is called, without what says that it is an archive."""
    return source.absolute().name.partition(".")[0]


async def next_version(api: Api, template_id: str, checksum: str) -> str:
    """What to call content that nobody gave a version: the newest one's where it is the same, else the next number."""
    try:
        newest = (await api.get(at("templates", template_id, "versions"), limit=1))["items"][0]
    except ApiProblem as problem:
        if problem.code != "template_not_found":
            raise
        return "1"
    if newest["checksum"] == checksum:
        return str(newest["version"])
    if not str(newest["version"]).isdecimal():
        raise Usage(why=f"Say which version this is: {template_id}@{newest['version']} is the newest now")
    return str(int(newest["version"]) + 1)


async def push_archive(
    api: Api, template_id: str, version: str, archive: Archive, advance: Advance
) -> tuple[Json, bool]:
    """The version at the Brain, and whether anything had to be sent."""
    path = at("templates", template_id, "versions", version, "uploads")
    opened = await api.post(
        path,
        {
            "size": archive.size,
            "checksum": archive.checksum,
            "format": archive.format,
            "files": archive.files,
            "rules": archive.rules.model_dump(mode="json"),
        },
    )
    if opened["state"] == "exists":
        return opened["version"], False
    address = f"{path}{at(opened['upload_id'])}"
    return await upload(api, address, opened, archive.file, advance), True


def prepare(source: Path, folder: Path) -> Archive:
    """The archive to push: a directory is packed into `folder`, an archive is read through and checked."""
    if source.is_dir():
        target = folder / "layer.tar.zst"
        packed = pack(source, target)
        return Archive(target, "tar.zst", packed.size, packed.checksum, packed.files, packed.rules)
    form = next((form for form in FORMATS if source.name.endswith(f".{form}")), None)
    if form is None or not source.is_file():
        raise NotATemplate(path=source)
    note(f"reading {source.name}")
    return read_archive(source, form)


def read_archive(file: Path, form: str) -> Archive:
    """Look through a finished archive; raises what unpacking on a node would raise."""
    with file.open("rb") as stream:
        manifest = scan(open_window(stream.read))
        stream.seek(0)
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    rules = TemplateRules.parse(manifest.rules_text)
    return Archive(file, form, file.stat().st_size, checksum, manifest.files, rules)
