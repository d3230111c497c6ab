"""`hytopus instance cat | edit | get | put | rm`: the files of an instance."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, ClassVar, Final

from cyclopts import Parameter

from hytopus.cli.connection.client import Api, Json, at
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.failure import ApiProblem
from hytopus.cli.terminal.ask import confirm
from hytopus.cli.terminal.output import note, plain, print_json, say, size
from hytopus.cli.terminal.progress import bytes_bar
from hytopus.cli.terminal.sanitise import sanitise
from hytopus.errors import HytopusError

_CHUNK: Final = 1 << 20


class NotText(HytopusError):
    code: ClassVar[str] = "not_text"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{path} is {what}, so it cannot be {verb}."
    remedy: ClassVar[str] = "Fetch it with `hytopus instance get`, and send it back with `hytopus instance put`."


class EditNotWritten(HytopusError):
    code: ClassVar[str] = "edit_not_written"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Your edit was not written: {why}"
    remedy: ClassVar[str] = "It is kept in {kept}."


class LocalFileExists(HytopusError):
    code: ClassVar[str] = "target_exists"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{path} exists already."
    remedy: ClassVar[str] = "Name another place with --output, or move it away."


async def cat(name: str, path: str, /, *, options: Options = DEFAULTS) -> None:
    """Print a file of an instance; secret values are shown as ⟦NAME⟧."""
    async with connect(options) as api:
        found = await _read(api, name, path)
    if options.json:
        print_json(found)
        return
    if found["encoding"] == "binary":
        raise NotText(path=plain(path), what="binary", verb="shown")
    sys.stdout.write(sanitise(found["text"]) if sys.stdout.isatty() else found["text"])
    if found["cut"]:
        note(f"… cut; the file has {size(found['size'])}")


async def edit(name: str, path: str, /, *, options: Options = DEFAULTS) -> None:
    """Edit a text file of a stopped instance in $VISUAL or $EDITOR. What somebody else wrote meanwhile is kept."""
    async with connect(options) as api:
        found = await _read(api, name, path)
        if found["encoding"] != "utf-8" or found["cut"]:
            what = "too large" if found["cut"] else "no UTF-8 text"
            raise NotText(path=plain(path), what=what, verb="edited")
        kept = await asyncio.to_thread(_open_editor, path, found["text"])
        text = await asyncio.to_thread(kept.read_text)
        if text == found["text"]:
            say("Nothing was changed.")
            kept.unlink()
            return
        body = {"text": text, "digest": found["digest"]}
        try:
            written = await api.request(
                "PUT", at("instances", name, "files", "content"), query={"path": path}, body=body
            )
        except ApiProblem as error:
            raise EditNotWritten(why=error, kept=kept) from error
    kept.unlink()
    _tell(written, options)


async def get(
    name: str,
    path: str,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    options: Options = DEFAULTS,
) -> None:
    """Download a file of an instance as it is, secrets included.

    Parameters
    ----------
    output
        The file to make; by default named after the one there, here.
    """
    target = output or Path(path.rpartition("/")[2])
    if await asyncio.to_thread(target.exists):
        raise LocalFileExists(path=target)
    part = target.with_name(f".{target.name}.part")
    async with connect(options) as api:
        async with api.receive_file(at("instances", name, "files", "download"), path=path) as (total, chunks):
            with bytes_bar(f"fetching {plain(path)}", total) as advance:
                await _save(part, chunks, advance)
        await asyncio.to_thread(part.replace, target)
    if options.json:
        print_json({"path": str(target), "size": total})
    else:
        say(f"Fetched {plain(path)} ({size(total)}) to {target}.")


async def put(name: str, file: Path, path: str, /, *, replace: bool = False, options: Options = DEFAULTS) -> None:
    """Upload a file to a stopped instance.

    Parameters
    ----------
    file
        The file here.
    path
        Where it is to be there; folders are made.
    replace
        Replace what is there already.
    """
    total = (await asyncio.to_thread(file.stat)).st_size
    async with connect(options) as api:
        with bytes_bar(f"sending {plain(path)}", total) as advance:
            written = await api.send_file(
                at("instances", name, "files", "upload"),
                _chunks(file, advance),
                total,
                path=path,
                digest="*" if replace else "",
            )
    _tell(written, options)


async def remove(
    name: str,
    path: str,
    /,
    *,
    recursive: Annotated[bool, Parameter(name=("--recursive", "-r"))] = False,
    yes: bool = False,
    options: Options = DEFAULTS,
) -> None:
    """Delete a file of a stopped instance. What a layer brought is hidden, also after an upgrade.

    Parameters
    ----------
    recursive
        A folder with all that is in it.
    yes
        Do not ask.
    """
    confirm(f"Delete {plain(path)} of {plain(name)}?", yes=yes)
    async with connect(options) as api:
        done = await api.delete(at("instances", name, "files", "content"), path=path, recursive=recursive)
    _tell(done, options)


async def _read(api: Api, name: str, path: str) -> Json:
    return await api.get(at("instances", name, "files", "content"), path=path)


def _tell(written: Json, options: Options) -> None:
    if options.json:
        print_json(written)
    elif written["after"]:
        say(f"Wrote {plain(written['path'])} ({size(written['size'])}, sha256 {written['after'][:12]}).")
    else:
        say(f"Deleted {plain(written['path'])}.")


def _open_editor(path: str, text: str) -> Path:
    """A file of our own with the text in it, after the editor has closed."""
    suffix = Path(path.rpartition("/")[2]).suffix
    handle, name = tempfile.mkstemp(prefix="hytopus-edit-", suffix=suffix if suffix.isprintable() else "")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    subprocess.run([*shlex.split(editor), name], check=True)  # noqa: S603 - the person's own choice
    return Path(name)


async def _chunks(file: Path, advance: Json) -> AsyncIterator[bytes]:
    opened = await asyncio.to_thread(file.open, "rb")
    try:
        while data := await asyncio.to_thread(opened.read, _CHUNK):
            yield data
            advance(len(data))
    finally:
        opened.close()


async def _save(part: Path, chunks: AsyncIterator[bytes], advance: Json) -> None:
    opened = await asyncio.to_thread(part.open, "wb")
    try:
        async for data in chunks:
            await asyncio.to_thread(opened.write, data)
            advance(len(data))
    except BaseException:
        await asyncio.to_thread(part.unlink, missing_ok=True)
        raise
    finally:
        opened.close()
