"""The template cache: hits, misses, refreshes, purges, and what a crash leaves."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hytopus.layers.rules import BadTemplateRules
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.disk import Disk
from hytopus.node.cache.errors import BadCacheRoot, ChecksumMismatch, ObjectMissing
from hytopus.node.cache.eviction import Bounds, Kept, evicted
from tests.services.waiting import eventually
from tests.unit.layers.trees import File, Folder
from tests.unit.node.cache.layers import WatchedDownload, left_over, new_cache


@pytest.fixture
async def download() -> WatchedDownload:
    return WatchedDownload()


@pytest.fixture
async def cache(tmp_path: Path, download: WatchedDownload) -> TemplateCache:
    return await new_cache(tmp_path / "node", download)


async def test_fetched_once_then_found(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File(b"1"), "d": Folder(), "d/b": File(b"22")}, rules='game = "luanti"')
    first = await cache.ensure(source)
    again = await cache.ensure(source)
    assert (first.hit, again.hit, again) == (False, True, replace(first, hit=True))
    assert (again.name, again.files, again.bytes, again.rules.game) == ("base@1", 2, 3, "luanti")
    assert (again.tree / "d/b").read_bytes() == b"22"
    assert download.calls == ["base@1"]
    assert (cache.counters.hits, cache.counters.misses, cache.counters.hit_rate) == (1, 1, 0.5)
    assert cache.counters.bytes_fetched == source.size


async def test_the_disk_shows_template_version_and_checksum(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File(b"1")}, version="1.0")
    layer = await cache.ensure(source)
    folder = cache.disk.root / "cache/base/1.0"
    assert (folder / "checksum").read_text() == f"{source.checksum}  {layer.link}\n"
    assert (folder / "tree/a").read_bytes() == b"1"
    assert len(layer.link) == 8
    assert left_over(cache.disk.root) == []


async def test_another_agent_run_finds_it(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File()})
    layer = await cache.ensure(source)
    later = await new_cache(cache.disk.root, download)
    assert await later.ensure(source) == replace(layer, hit=True)
    assert [one.link for one in await later.contents()] == [layer.link]


async def test_another_checksum_is_fetched_anew(cache: TemplateCache, download: WatchedDownload) -> None:
    old = await cache.ensure(download.add("base", {"a": File(b"old")}))
    new = await cache.ensure(download.add("base", {"a": File(b"new")}))
    assert (new.tree / "a").read_bytes() == b"new"
    assert (old.tree / "a").read_bytes() == b"old", "an instance may still use it"
    assert [one.link for one in await cache.contents()] == [new.link]
    assert await cache.collect(in_use=lambda: {old.link}) == 0
    assert await cache.collect(in_use=frozenset) == 3
    assert not old.tree.exists()


async def test_dev_mode_fetches_every_time(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File()})
    first = await cache.ensure(source)
    second = await cache.ensure(source, refresh=True)
    assert len(download.calls) == 2
    assert first.link != second.link
    assert (await cache.ensure(source)).link == second.link


async def test_a_checksum_file_that_is_gone_means_fetching(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File()})
    await cache.ensure(source)
    (cache.disk.root / "cache/base/1/checksum").unlink()
    assert not (await cache.ensure(source)).hit


async def test_a_tree_that_is_gone_means_fetching(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File()})
    layer = await cache.ensure(source)
    await asyncio.to_thread(cache.disk.throw, layer.tree.parent)
    assert not (await cache.ensure(source)).hit


async def test_a_wrong_checksum_is_tried_twice_and_leaves_nothing(
    cache: TemplateCache, download: WatchedDownload
) -> None:
    source = download.add("base", {"a": File()})
    wrong = replace(source, checksum="0" * 64)
    download.tarballs[wrong.checksum] = download.tarballs[source.checksum]
    with pytest.raises(ChecksumMismatch) as caught:
        await cache.ensure(wrong)
    assert caught.value.params == {"layer": "base@1", "expected": "0" * 64, "found": source.checksum}
    assert download.calls == ["base@1"] * 2
    assert left_over(cache.disk.root) == []
    assert await cache.contents() == []
    assert list((cache.disk.root / "l").iterdir()) == []
    assert cache.counters.failures == 2


async def test_bad_rules_leave_nothing(cache: TemplateCache, download: WatchedDownload) -> None:
    with pytest.raises(BadTemplateRules):
        await cache.ensure(download.add("base", {"a": File()}, rules="nonsense = 1"))
    assert left_over(cache.disk.root) == []
    assert list((cache.disk.root / "l").iterdir()) == []


async def test_however_many_ask_there_is_one_download(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File()})
    download.gate.clear()
    asked = [asyncio.ensure_future(cache.ensure(source)) for _ in range(5)]
    await download.started.wait()
    asked[0].cancel()
    download.gate.set()
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert len({layer.link for layer in done[1:] if not isinstance(layer, BaseException)}) == 1
    assert download.calls == ["base@1"]


async def test_the_download_ends_with_the_last_who_waits(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File()})
    download.gate.clear()
    asked = [asyncio.ensure_future(cache.ensure(source)) for _ in range(2)]
    await download.started.wait()
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert download.cancelled == 1
    assert left_over(cache.disk.root) == []
    download.gate.set()
    assert not (await cache.ensure(source)).hit


async def test_all_layers_or_the_first_error(cache: TemplateCache, download: WatchedDownload) -> None:
    good = download.add("good", {"a": File()})
    missing = replace(good, template_id="missing", checksum="f" * 64)
    with pytest.raises(ObjectMissing) as caught:
        async with cache.hold([good, missing]):
            raise AssertionError("not reached")
    assert caught.value.params == {"layer": "missing@1"}


async def test_held_layers_are_not_purged(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File(b"123")})
    async with cache.hold([source]) as (layer,):
        purged = await cache.purge()
        assert (purged.trees, purged.kept_until_released) == (0, 1)
        assert await cache.collect(in_use=frozenset) == 0
        assert layer.tree.exists()
    assert await cache.collect(in_use=frozenset) == 3


async def test_purging_forgets_at_once_and_deletes_what_nobody_uses(
    cache: TemplateCache, download: WatchedDownload
) -> None:
    sources = [download.add(name, {"a": File(b"x" * 10)}, version=version) for name in "ab" for version in "12"]
    layers = [await cache.ensure(source) for source in sources]
    one = await cache.purge("a", "1")
    assert (one.trees, one.freed_bytes, one.kept_until_released) == (1, 10, 0)
    rest = await cache.purge("a", in_use=lambda: {layers[1].link})
    assert (rest.trees, rest.kept_until_released) == (0, 1)
    assert layers[1].tree.exists()
    assert {layer.name for layer in await cache.contents()} == {"b@1", "b@2"}
    assert not (await cache.ensure(sources[1])).hit
    everything = await cache.purge()
    assert everything.trees == 3
    assert await cache.contents() == []
    assert list(cache.disk.cache.iterdir()) == []
    await cache.collect(in_use=frozenset)
    await cache.disk.empty()
    assert left_over(cache.disk.root) == []
    assert list((cache.disk.root / "l").iterdir()) == []


async def test_recovery_clears_what_a_crash_left(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File()})
    layer = await cache.ensure(source)
    stale = cache.disk.cache / "gone/1"
    await asyncio.to_thread(_litter, cache.disk, stale)
    later = await new_cache(cache.disk.root, download)
    await later.disk.empty()
    assert left_over(cache.disk.root) == []
    assert [one.link for one in await later.contents()] == [layer.link]
    assert not stale.exists()


def _litter(disk: Disk, stale: Path) -> None:
    half = disk.scratch()
    (half / "t").mkdir()
    disk.throw(disk.scratch())
    stale.mkdir(parents=True)
    (stale / "checksum").write_text(f"{'0' * 64}  nowhere0\n")


async def test_what_a_power_loss_may_have_damaged_is_fetched_again(
    cache: TemplateCache, download: WatchedDownload
) -> None:
    source = download.add("base", {"a": File()})
    layer = await cache.ensure(source)
    (layer.tree.parent / "unsynced").write_text("another boot")
    later = await new_cache(cache.disk.root, download)
    assert not (await later.ensure(source)).hit


async def test_housekeeping_deletes_and_makes_durable(cache: TemplateCache, download: WatchedDownload) -> None:
    layer = await cache.ensure(download.add("base", {"a": File()}))
    assert (layer.tree.parent / "unsynced").exists()
    await cache.purge()
    kept = await cache.ensure(download.add("other", {"a": File()}))
    housekeeping = asyncio.ensure_future(cache.run())
    await eventually(
        lambda: not (kept.tree.parent / "unsynced").exists() and not left_over(cache.disk.root), what="housekeeping"
    )
    housekeeping.cancel()
    await asyncio.gather(housekeeping, return_exceptions=True)
    assert not layer.tree.exists()
    assert kept.tree.exists()


async def test_a_root_that_mount_options_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCacheRoot):
        TemplateCache(tmp_path / "a:b", owner=None)


def _names(kept: list[Kept], bounds: Bounds) -> list[str]:
    return [each.template_id for each in evicted(kept, bounds, now=1000)]


def test_what_was_not_used_for_longest_leaves_first() -> None:
    kept = [Kept("new", "1", 40, 900), Kept("old", "1", 40, 100), Kept("busy", "1", 40, 50, busy=True)]
    assert _names(kept, Bounds()) == []
    assert _names(kept, Bounds(bytes=90)) == ["old"]
    assert _names(kept, Bounds(bytes=10)) == ["old", "new"], "never what is in use, whatever the bounds"
    assert _names(kept, Bounds(age_s=500)) == ["old"]


async def test_a_full_cache_lets_go_of_what_nobody_uses(cache: TemplateCache, download: WatchedDownload) -> None:
    old, used, fresh = [await cache.ensure(download.add(name, {"a": File(b"123")})) for name in ("old", "used", "new")]
    for age, layer in enumerate((fresh, used, old), start=1):
        os.utime(cache.disk.root / "l" / layer.link / "facts.json", (1e9 - age, 1e9 - age))
    gone = await cache.evict(Bounds(bytes=4), in_use=lambda: {used.link})
    assert [each.template_id for each in gone] == ["old", "new"]
    assert [layer.link for layer in await cache.contents()] == [used.link]
    assert used.tree.exists()
    assert cache.counters.evictions == 2


async def test_a_hit_makes_a_version_young_again(cache: TemplateCache, download: WatchedDownload) -> None:
    source = download.add("base", {"a": File(b"1")})
    layer = await cache.ensure(source)
    os.utime(cache.disk.root / "l" / layer.link / "facts.json", (1e9, 1e9))
    await cache.ensure(source)
    assert await cache.evict(Bounds(age_s=3600), in_use=frozenset) == []
