"""A node with a real disk, an engine in memory, and templates from memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hytopus.kit.clock import Clock
from hytopus.node.agent import Agent
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.directories import CachedDirectories
from hytopus.node.files.desk import FileDesk
from hytopus.node.journal import Journal
from hytopus.node.lease import Lease
from hytopus.node.materialise.probe import Abilities, How
from hytopus.node.materialise.workspace import Workspaces
from hytopus.node.runner.host import Host
from hytopus.node.runtime.fake import FakeRuntime
from hytopus.wire.messages import InstanceReport, NodeFacts, TemplateLayer
from tests.unit.layers.trees import Tree
from tests.unit.node.cache.layers import WatchedDownload

FACTS = NodeFacts(
    cpus=8, memory_mb=8192, disk_mb=16384, slots=8, address="192.0.2.1", port_first=30000, port_last=30099
)


class DiskNode:
    """Its agent has to be run; `report` hears what it says."""

    def __init__(
        self, root: Path, runtime: FakeRuntime, clock: Clock, how: How, report: Callable[[InstanceReport], None]
    ) -> None:
        self.root, self.how = root, how
        self.download = WatchedDownload()
        self.cache = TemplateCache(root, owner=None, download=self.download)
        self.workspaces = Workspaces(self.cache, Abilities(overlay=True, reflink=True), how=how)
        host = Host(
            runtime=runtime,
            directories=CachedDirectories(self.cache, self.workspaces, monotonic=clock.monotonic),
            journal=Journal(root / "journal"),
            clock=clock,
            lease=Lease(clock),
            report=report,
            renew_urls=lambda instance_id, generation: None,
            logs=root / "logs",
            ports_taken=lambda ports: None,
        )
        self.agent = Agent(host, facts=FACTS, files=FileDesk(self.cache, self.workspaces))

    def layer(self, template_id: str, tree: Tree, version: str = "1") -> TemplateLayer:
        source = self.download.add(template_id, tree, version=version)
        return TemplateLayer(source.template_id, source.version, source.checksum, source.size, source.url)
