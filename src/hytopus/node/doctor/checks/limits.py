"""Control groups that cannot limit what a server uses."""

from __future__ import annotations

from collections.abc import Iterator

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts


def check(facts: Facts) -> Iterator[Finding]:
    if not facts.engine.problem and not (facts.engine.memory_limit and facts.engine.cpu_limit):
        yield Finding(
            "no_limits",
            Severity.ERROR,
            "the kernel",
            "Servers cannot be held to their memory or processors.",
            "The engine says that limits are not supported: " + ("; ".join(facts.engine.warnings) or "no reason given"),
            "Enable the memory and cpu controllers of cgroup 2 (systemd.unified_cgroup_hierarchy=1) and reboot.",
            params={"why": "; ".join(facts.engine.warnings) or "–"},
        )
    if not facts.engine.problem and facts.engine.cgroup_version == "1":
        yield Finding(
            "cgroup_v1",
            Severity.NOTE,
            "the kernel",
            "It uses control groups of version 1.",
            "The engine says CgroupVersion 1.",
            "Boot with systemd.unified_cgroup_hierarchy=1; pressure and memory are measured better there.",
        )
