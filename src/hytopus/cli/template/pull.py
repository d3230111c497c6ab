"""`hytopus template pull` and `diff`."""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ClassVar, Final

from hytopus.cli.connection.client import Api, Json, at
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.template.transfer import download
from hytopus.cli.terminal.output import plain, print_json, print_table, say, size
from hytopus.cli.terminal.progress import bytes_bar
from hytopus.errors import HytopusError
from hytopus.layers.compression import open_window
from hytopus.layers.diff import diff as compare
from hytopus.layers.reference import LayerReference
from hytopus.layers.unpack import unpack

FORMATS: Final = ("tar.zst", "tar.gz", "tar")


class TargetExists(HytopusError):
    code: ClassVar[str] = "target_exists"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{path} exists already."
    remedy: ClassVar[str] = "Name another place with --output, or move it away."


async def pull(
    reference: str,
    /,
    *,
    output: Path | None = None,
    unpacked: bool = False,
    options: Options = DEFAULTS,
) -> None:
    """Fetch a template version from the store, and check it: `id@version`, or `id` for the newest.

    Parameters
    ----------
    output
        File or directory to make; by default named after the version, here.
    unpacked
        Make a directory of it, not an archive.
    """
    async with connect(options) as api:
        version = await find_version(api, reference)
        name = file_name(version)
        target = output or Path(name if unpacked else f"{name}.{_ending(version['format'])}")
        if target.exists():
            raise TargetExists(path=target)
        if unpacked:
            with tempfile.TemporaryDirectory(prefix="hytopus-pull-") as folder:
                archive = await fetch(api, version, Path(folder))
                await asyncio.to_thread(unpack_archive, archive, target)
        else:
            await fetch(api, version, target.parent, target.name)
    if options.json:
        print_json({**version, "path": str(target)})
    else:
        say(f"Pulled {plain(name)} ({size(version['size'])}, checksum verified) to {target}.")


def file_name(version: Json) -> str:
    """What a Brain says becomes a file here: it must be a name, and lead nowhere."""
    layer = LayerReference.parse(f"{version['template_id']}@{version['version']}")
    return f"{layer.template_id}@{layer.version}"


def _ending(format: str) -> str:
    return format if format in FORMATS else "archive"


async def find_version(api: Api, reference: str) -> Json:
    """The version meant by `id@version`, or the newest one of `id`."""
    layer = LayerReference.parse(reference)
    if layer.version is not None:
        return await api.get(at("templates", layer.template_id, "versions", layer.version))
    template = await api.get(at("templates", layer.template_id))
    return template["newest"] or await api.get(at("templates", layer.template_id, "versions", "newest"))


async def fetch(api: Api, version: Json, folder: Path, name: str = "layer") -> Path:
    """Download and verify a version's archive."""
    path = at("templates", version["template_id"], "versions", version["version"], "download")

    async def url() -> str:
        return str((await api.get(path))["url"])

    label = f"{version['template_id']}@{version['version']}"
    with bytes_bar(f"pulling {label}", version["size"]) as advance:
        await download(url, label, version, folder / name, advance)
    return folder / name


def unpack_archive(archive: Path, target: Path) -> None:
    """Unpack as a node would, but with the template.toml in its place."""
    target.mkdir(parents=True)
    directory = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    mask = os.umask(0o022)
    try:
        with archive.open("rb") as stream:
            manifest = unpack(open_window(stream.read), directory)
    finally:
        os.umask(mask)
        os.close(directory)
    if manifest.rules_text:  # the node keeps it apart
        (target / "template.toml").write_text(manifest.rules_text)


async def diff(old: str, new: str, /, *, options: Options = DEFAULTS) -> int:
    """Compare two templates. Exit code 1 where they differ.

    Parameters
    ----------
    old
        A directory or archive here, or `id@version`.
    new
        The same.
    """
    async with AsyncExitStack() as stack:
        sides = [await _side(stack, text, options) for text in (old, new)]
        found = await asyncio.to_thread(compare, *sides)
    if options.json:
        print_json([{"path": each.path, "kind": each.kind, "detail": each.detail} for each in found])
    else:
        print_table(
            ("PATH", "", "DETAIL"), ((each.path, each.kind, each.detail) for each in found), empty="No difference."
        )
    return 1 if found else 0


async def _side(stack: AsyncExitStack, text: str, options: Options) -> Path:
    """A directory or an archive on this machine."""
    if await asyncio.to_thread(Path(text).exists):
        return Path(text)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hytopus-diff-")))
    api = await stack.enter_async_context(connect(options))
    return await fetch(api, await find_version(api, text), folder)
