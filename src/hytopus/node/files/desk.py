"""What a node answers about files: of its instances, of template versions, and of drafts that are no instance yet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar

from hytopus.kit.logs import get_logger
from hytopus.node.cache.cache import CachedLayer, TemplateCache
from hytopus.node.cache.errors import is_full
from hytopus.node.cache.source import LayerSource
from hytopus.node.files import draft, listing
from hytopus.node.files.compare import Side, compare, compare_file
from hytopus.node.files.errors import FileShrank, FileTooLarge, UploadCut
from hytopus.node.files.names import meant, shown
from hytopus.node.files.read import View, view
from hytopus.node.files.secrets import Secrets
from hytopus.node.files.sides import instance_tree, layer_tree
from hytopus.node.files.tree import FileTree
from hytopus.node.files.write import Writer, Written, staging
from hytopus.node.materialise.workspace import Workspaces
from hytopus.node.runner.errors import BadQuestion
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.rest import at_rest
from hytopus.node.runtime.base import NoSpaceLeft

_T = TypeVar("_T")

CHUNK: Final = 256 << 10
"""Bytes of a file that travel at once."""

log = get_logger(__name__)

Body = Mapping[str, Any]


class FileDesk:
    """Questions come by kind, as `Ask` has them; whole files come and go in chunks."""

    def __init__(self, cache: TemplateCache, workspaces: Workspaces) -> None:
        self._cache, self._workspaces = cache, workspaces
        self._of_instances: dict[str, Callable[[Instance, Body], Any]] = {
            "files": self._list,
            "read_file": self._read,
            "write_file": self._write,
            "delete_file": self._delete,
            "compare": self._plan,
            "compare_file": self._plan_file,
        }
        self._of_layers: dict[str, Callable[[Body], Any]] = {
            "draft_files": self._draft_files,
            "draft_configs": self._draft_configs,
            "draft_file": self._draft_file,
            "compare_layers": self._compare_layers,
            "compare_layers_file": self._compare_layers_file,
        }

    def answers(self, kind: str) -> bool:
        return kind in self._of_instances or kind in self._of_layers

    async def answer(self, kind: str, find: Callable[[], Instance], body: Body) -> Mapping[str, Any]:
        """`find` gives the instance that the question is about, where it is about one."""
        try:
            if kind in self._of_layers:
                found: Mapping[str, Any] = await self._of_layers[kind](body)
            else:
                found = await self._of_instances[kind](find(), body)
        except (KeyError, TypeError, ValueError) as error:
            raise BadQuestion(kind=kind, why=f"{type(error).__name__}: {error}") from error
        return found

    async def download(self, instance: Instance, body: Body) -> AsyncGenerator[bytes | Mapping[str, Any], None]:
        """First what it is, then its bytes: exactly as many as announced. Raises `FileShrank` when there are less."""
        path = meant(str(body["path"]))
        fd, size, facts = await asyncio.to_thread(self._open, instance.id, path)
        try:
            yield facts
            while size:
                data = await asyncio.to_thread(os.read, fd, min(size, CHUNK))
                if not data:
                    raise FileShrank(path=shown(path))
                size -= len(data)
                yield data
        finally:
            os.close(fd)

    async def upload(self, instance: Instance, body: Body, chunks: AsyncIterator[bytes]) -> Mapping[str, Any]:
        """Take a file in whole, then put it into place. Nothing changes unless `chunks` comes to its end."""
        path, expected, size = meant(str(body["path"])), str(body["digest"]), int(body["size"])
        limit = instance.record.assignment.disk_mb
        if size > limit << 20:
            raise FileTooLarge(path=shown(path), limit_mb=limit)
        async with at_rest(instance):
            pass
        disk = self._workspaces.disk
        scratch = await asyncio.to_thread(disk.scratch)
        try:
            staged = scratch / "staged"
            if size != await _save(staged, chunks):
                raise UploadCut(path=shown(path))
            return await self._change(instance, lambda writer: writer.put(path, staged, expected))
        finally:
            await asyncio.to_thread(disk.throw, scratch)
            disk.wake()

    async def _list(self, instance: Instance, body: Body) -> Mapping[str, Any]:
        return await self._look(instance.id, lambda tree: _listed(tree, body))

    async def _read(self, instance: Instance, body: Body) -> Mapping[str, Any]:
        path = meant(str(body["path"]))

        def look(tree: FileTree) -> Mapping[str, Any]:
            item = tree.find(path)
            return {**listing.as_dict(tree, item), **_shown(view(tree, item, _secrets(instance)))}

        return await self._look(instance.id, look)

    async def _write(self, instance: Instance, body: Body) -> Mapping[str, Any]:
        path, expected = meant(str(body["path"])), str(body["digest"])
        data = _secrets(instance).reveal(str(body["text"])).encode()

        def put(writer: Writer) -> Written:
            with staging(self._workspaces.disk) as staged:
                staged.write_bytes(data)
                return writer.put(path, staged, expected)

        return await self._change(instance, put)

    async def _delete(self, instance: Instance, body: Body) -> Mapping[str, Any]:
        path, expected = meant(str(body["path"])), str(body["digest"])
        recursive = bool(body.get("recursive"))
        return await self._change(instance, lambda writer: writer.delete(path, expected, recursive=recursive))

    async def _plan(self, instance: Instance, body: Body) -> Mapping[str, Any]:
        async with self._hold(body["layers"]) as (layers, missing):
            found = await asyncio.to_thread(
                self._planned,
                instance,
                layers,
                body,
                lambda old, new, own: {
                    **compare(old, new, own=own, after=str(body.get("after", ""))),
                    **draft.configs(new.tree, body["values"]),
                },
            )
            return {**found, "fetched_bytes": missing}

    async def _plan_file(self, instance: Instance, body: Body) -> Mapping[str, Any]:
        path = meant(str(body["path"]))
        async with self._hold(body["layers"]) as (layers, _):
            return await asyncio.to_thread(
                self._planned, instance, layers, body, lambda old, new, own: _compared(old, new, path)
            )

    def _planned(
        self,
        instance: Instance,
        layers: Sequence[CachedLayer],
        body: Body,
        look: Callable[[Side, Side, FileTree], Mapping[str, Any]],
    ) -> Mapping[str, Any]:
        with (
            instance_tree(self._workspaces, instance.id, own=False) as prepared,
            instance_tree(self._workspaces, instance.id) as own,
        ):
            old = Side(prepared, _secrets(instance).marked)
            return look(old, Side(layer_tree(self._workspaces.site, layers), body["values"]), own)

    async def _draft_files(self, body: Body) -> Mapping[str, Any]:
        return await self._look_at_layers(body["layers"], lambda tree: _listed(tree, body))

    async def _draft_configs(self, body: Body) -> Mapping[str, Any]:
        return await self._look_at_layers(body["layers"], lambda tree: draft.configs(tree, body["values"]))

    async def _draft_file(self, body: Body) -> Mapping[str, Any]:
        path, values = meant(str(body["path"])), body.get("values")

        def look(tree: FileTree) -> Mapping[str, Any]:
            found = draft.draft_view(tree, path, values)
            item = listing.as_dict(tree, tree.find(path))
            return {**item, **_shown(found["view"]), "source": found["source"], "unresolved": found["unresolved"]}

        return await self._look_at_layers(body["layers"], look)

    async def _compare_layers(self, body: Body) -> Mapping[str, Any]:
        after = str(body.get("after", ""))
        async with self._both(body) as (old, new):
            return await asyncio.to_thread(compare, old, new, after=after)

    async def _compare_layers_file(self, body: Body) -> Mapping[str, Any]:
        path = meant(str(body["path"]))
        async with self._both(body) as (old, new):
            return await asyncio.to_thread(_compared, old, new, path)

    @asynccontextmanager
    async def _both(self, body: Body) -> AsyncIterator[tuple[Side, Side]]:
        async with self._hold([*body["old"], *body["new"]]) as (layers, _):
            site, count = self._workspaces.site, len(body["old"])
            trees = await asyncio.to_thread(
                lambda: (layer_tree(site, layers[:count]), layer_tree(site, layers[count:]))
            )
            values = body.get("values")
            yield Side(trees[0], values), Side(trees[1], values)

    @asynccontextmanager
    async def _hold(self, layers: Sequence[Body]) -> AsyncIterator[tuple[list[CachedLayer], int]]:
        """The layers unpacked, and how many bytes had to be fetched for that."""
        sources = [LayerSource(**layer) for layer in layers]
        async with self._cache.hold(sources) as held:
            fetched = {one.checksum: source.size for one, source in zip(held, sources, strict=True) if not one.hit}
            yield held, sum(fetched.values())

    async def _look_at_layers(self, layers: Sequence[Body], look: Callable[[FileTree], _T]) -> _T:
        async with self._hold(layers) as (held, _):
            return await asyncio.to_thread(lambda: look(layer_tree(self._workspaces.site, held)))

    async def _look(self, instance_id: str, look: Callable[[FileTree], _T]) -> _T:
        def work() -> _T:
            with instance_tree(self._workspaces, instance_id) as tree:
                return look(tree)

        return await asyncio.to_thread(work)

    def _open(self, instance_id: str, path: str) -> tuple[int, int, Mapping[str, Any]]:
        with instance_tree(self._workspaces, instance_id) as tree:
            item = tree.find(path)
            fd = tree.open(item)
            size = os.fstat(fd).st_size
            return fd, size, {**listing.as_dict(tree, item), "size": size}

    async def _change(self, instance: Instance, change: Callable[[Writer], Written]) -> Mapping[str, Any]:
        """Begun is finished, whoever hangs up: the start that waits for it must find all of it."""

        def work() -> Written:
            with instance_tree(self._workspaces, instance.id) as tree:
                site = self._workspaces.site
                try:
                    return change(Writer(tree, site.disk, site.owner))
                except OSError as error:
                    if is_full(error):
                        raise NoSpaceLeft(verb="change the files of") from error
                    raise

        async with at_rest(instance):
            written = await self._workspaces.alone(instance.id, work)
        log.info("file changed", instance=instance.id, path=written.path, size=written.size, deleted=not written.after)
        return asdict(written)


async def _save(path: Path, chunks: AsyncIterator[bytes]) -> int:
    """How many bytes came. Raises `NoSpaceLeft`."""
    file = await asyncio.to_thread(path.open, "xb", 0)
    try:
        size = 0
        async for data in chunks:
            size += await asyncio.to_thread(file.write, data)
        return size
    except OSError as error:
        if is_full(error):
            raise NoSpaceLeft(verb="take the upload") from error
        raise
    finally:
        file.close()


def _listed(tree: FileTree, body: Body) -> Mapping[str, Any]:
    after, limit = str(body.get("after", "")), int(body.get("limit", listing.LIMIT))
    if glob := body.get("glob"):
        return listing.search(tree, str(glob), after=after, limit=limit)
    return listing.list_folder(tree, meant(str(body.get("folder", ""))), after=after, limit=limit)


def _shown(found: View) -> Mapping[str, Any]:
    return asdict(found)


def _compared(old: Side, new: Side, path: str) -> Mapping[str, Any]:
    found = compare_file(old, new, path)
    return {**found, **{side: asdict(found[side]) if found[side] else None for side in ("old", "new")}}


def _secrets(instance: Instance) -> Secrets:
    return Secrets(instance.record.assignment.variable_map, instance.record.secrets)
