"""The steps from cached layers to an instance's directory. Blocking: they run in a thread.

Whatever is made is made aside and moved into place whole, so a step that was cut short is simply done again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from hytopus.node.cache import shelf
from hytopus.node.cache.cache import CachedLayer
from hytopus.node.cache.disk import LAYERS, PLANS, RENDERED, SQUASHED, Disk
from hytopus.node.cache.download import Owner
from hytopus.node.cache.errors import is_full
from hytopus.node.materialise import record as records
from hytopus.node.materialise.changes import carry_over, own_changes
from hytopus.node.materialise.clone import Sources, clone
from hytopus.node.materialise.overlay import OPTIONS_LIMIT, options_size, squash, stack
from hytopus.node.materialise.plan import Plan, Plans, make_root
from hytopus.node.materialise.probe import How
from hytopus.node.materialise.record import LayerUse, Record
from hytopus.node.materialise.render import render
from hytopus.node.materialise.world import build_in
from hytopus.node.runtime.base import BindMount, NoSpaceLeft, OverlayMount

UPPER: Final = "upper"
WORK: Final = "work"
_DATA: Final = "data-"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a node's instances are made, and for whom."""

    disk: Disk
    owner: Owner
    plans: Plans
    options_limit: int = OPTIONS_LIMIT

    def instance(self, instance_id: str) -> Path:
        return self.disk.instances / instance_id


@dataclass(frozen=True, slots=True)
class Request:
    """What to make. `secrets` are the names of values that must be masked."""

    instance_id: str
    layers: Sequence[CachedLayer]
    values: Mapping[str, str]
    secrets: frozenset[str]
    how: How
    world: Path | None = None
    """An unpacked world that came from another node, to be built in."""
    stop: threading.Event = field(default_factory=threading.Event)

    def by(self, how: How) -> Request:
        return replace(self, how=how)


class Steps:
    """Seconds by step, and the step that was under way when something failed."""

    def __init__(self, instance_id: str) -> None:
        self._instance = instance_id
        self.timings: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        except OSError as error:
            if is_full(error):
                raise NoSpaceLeft(verb=f"{name} the files of instance {self._instance}") from error
            raise
        finally:
            self.timings[name] = time.perf_counter() - began


def prepare(site: Site, request: Request, steps: Steps) -> Record:
    """Have the directory as asked; what the instance changed before stays. Returns what was written down of it."""
    with steps.step("plan"):
        plan = site.plans.get(request.layers)
    with steps.step("check"):
        plan.check()
    with steps.step("render"):
        rendered = render(site.disk, plan, request.layers, request.values, site.owner)
    with steps.step("materialise"):
        record = _new_record(request, plan, rendered)
        if request.how is How.OVERLAY:
            return _overlay(site, request, plan, record)
        return _clone(site, request, plan, record)


def existing_how(instance: Path) -> How | None:
    """How the directory was made that is there already; None where there is none worth keeping."""
    record = records.read_record(instance)
    if record:
        return record.how
    return How.OVERLAY if (instance / UPPER).is_dir() else None


def mount_of(site: Site, instance_id: str, record: Record) -> OverlayMount | BindMount:
    """What the container engine has to mount for a recorded directory."""
    instance = site.instance(instance_id)
    if record.data:
        return BindMount(str(instance / record.data))
    return OverlayMount(_lower(site, record), str(instance / UPPER), str(instance / WORK))


def sources_of(site: Site, record: Record, substituted: frozenset[str]) -> Sources:
    """Where the bytes of a recorded directory came from."""
    trees = [shelf.tree_of(site.disk, layer.link) for layer in record.layers]
    rendered = site.disk.root / RENDERED / record.rendered / shelf.TREE if record.rendered else None
    return Sources(trees, rendered, substituted)


def trees_used(site: Site, record: Record) -> list[Path]:
    """Every directory that must be there for the record to be of use."""
    root = site.disk.root
    used = [root / LAYERS / layer.link for layer in record.layers]
    used += [root / kind / key for kind, key in ((RENDERED, record.rendered), (SQUASHED, record.squashed)) if key]
    return [*used, root / PLANS / record.plan]


def _new_record(request: Request, plan: Plan, rendered: str | None) -> Record:
    return Record(
        request.how,
        tuple(LayerUse(one.template_id, one.version, one.checksum, one.link) for one in request.layers),
        plan.key,
        rendered,
        plan.base,
        bool(plan.whiteouts),
        None,
        0,
        None,
        plan.files,
        plan.bytes,
        len(plan.substituted),
        tuple(sorted(request.secrets)),
    )


def _overlay(site: Site, request: Request, plan: Plan, record: Record) -> Record:
    """Two empty directories and a list of lower ones: nothing of the layers is touched."""
    instance = site.instance(request.instance_id)
    instance.mkdir(exist_ok=True)
    if not (instance / UPPER).is_dir():
        make_root(instance / UPPER, site.owner)
    if (instance / WORK).exists():
        site.disk.throw(instance / WORK)
    (instance / WORK).mkdir()
    if request.world:
        build_in(request.world, instance / UPPER, overlay=True)
    record = _fit(site, request, record)
    records.write_record(instance, record, durable=False)
    return record


def _fit(site: Site, request: Request, record: Record) -> Record:
    """Squash as many of the bottom layers as it takes for the mount's options to be short enough."""
    layers = stack(request.layers[record.base :], lambda layer: layer.link)
    count = 0
    while _size(site, request, record) > site.options_limit and count < len(layers):
        count = max(2, count + 1)
        record = record.squashing("0" * 20, count)
    if not count:
        return record
    return record.squashing(squash(site.disk, layers[:count], site.owner), count)


def _size(site: Site, request: Request, record: Record) -> int:
    mount = mount_of(site, request.instance_id, record)
    assert isinstance(mount, OverlayMount)
    return options_size(mount)


def _lower(site: Site, record: Record) -> list[str]:
    """Rendered files, whiteouts, the layers from the top, and those squashed at the bottom."""
    root = site.disk.root
    links = stack([layer.link for layer in record.layers[record.base :]], str)
    kept = [(LAYERS, link) for link in reversed(links[record.squashed_layers :])]
    named = [(RENDERED, record.rendered), (PLANS, record.plan if record.whiteouts else None), *kept]
    named.append((SQUASHED, record.squashed))
    return [str(root / kind / name / shelf.TREE) for kind, name in named if name]


def _clone(site: Site, request: Request, plan: Plan, record: Record) -> Record:
    """A new directory beside the old one; the old one goes once the new one is written down."""
    instance = site.instance(request.instance_id)
    instance.mkdir(exist_ok=True)
    old = records.read_record(instance)
    if old and old.data and _same(old, record) and (instance / old.data).is_dir():
        return old
    number = 1 + max((int(path.name.removeprefix(_DATA)) for path in instance.glob(f"{_DATA}*")), default=0)
    record = record.cloned_to(f"{_DATA}{number}")
    assert record.data
    try:
        _fill(site, request, plan, record, instance / record.data)
        if request.world:
            build_in(request.world, instance / record.data, overlay=False)
        if old and old.data and (instance / old.data).is_dir():
            before = sources_of(site, old, frozenset())
            changes = own_changes(instance / old.data, records.read_stamps(instance, old.data), before)
            carry_over(instance / old.data, instance / record.data, changes)
        records.write_record(instance, record, durable=True)
    except BaseException:
        site.disk.throw(instance / record.data)
        records.stamps_file(instance, record.data).unlink(missing_ok=True)
        raise
    _clear_others(site, instance, record.data)
    return record


def _fill(site: Site, request: Request, plan: Plan, record: Record, target: Path) -> None:
    sources = sources_of(site, record, frozenset(one.path for one in plan.substituted))
    merged = site.plans.merged(request.layers)
    stamps = clone(merged, sources, target, request.how, site.owner, request.stop)
    records.write_stamps(target.parent, target.name, stamps)


def _same(old: Record, new: Record) -> bool:
    return (old.how, old.plan, old.rendered) == (new.how, new.plan, new.rendered)


def _clear_others(site: Site, instance: Path, data: str) -> None:
    for path in instance.glob(f"{_DATA}*"):
        if path.name != data:
            site.disk.throw(path)
            records.stamps_file(instance, path.name).unlink(missing_ok=True)
