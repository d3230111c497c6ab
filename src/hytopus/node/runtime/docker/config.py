"""A container's specification as the engine wants it, with every limit and every right it does not get."""

from __future__ import annotations

import resource
from typing import Any, Final

from hytopus.node.runtime.base import ContainerSpec
from hytopus.node.runtime.docker.names import ATTEMPT, GENERATION, INSTANCE, NAME, NODE
from hytopus.node.runtime.docker.volumes import mount_of

_OPEN_FILES: Final = 65_536
"""Enough for every game; the usual 1,024 is not."""

_LOG: Final = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
_TMPFS: Final = {"rw": "", "nosuid": "", "nodev": "", "noexec": "", "size": "256m", "mode": "1777"}
_OPPOSITES: Final = {"exec": "noexec", "suid": "nosuid", "dev": "nodev", "ro": "rw"}


def container_config(spec: ContainerSpec, *, scope: str, network: str, address: str) -> dict[str, Any]:
    """The body of `POST /containers/create`.

    Standard input stays open whoever attaches and leaves, because it is the console; there is no terminal, so that
    output and errors come unmixed and uncoloured by line editors.
    """
    config: dict[str, Any] = {
        "Image": spec.image,
        "Hostname": spec.instance_id,
        "User": spec.user,
        "WorkingDir": spec.workdir,
        # An empty value is not passed: a login token that is empty is not the same to a game as none.
        "Env": [f"{name}={value}" for name, value in spec.environment.items() if value],
        "OpenStdin": True,
        "StdinOnce": False,
        "Tty": False,
        "Labels": _labels(spec, scope),
        "StopSignal": spec.stop_signal,
        "StopTimeout": round(spec.stop_grace),
        "ExposedPorts": {f"{port.container}/{port.protocol}": {} for port in spec.ports},
        "HostConfig": _host_config(spec, network, address),
    }
    if spec.command:
        config["Entrypoint"] = list(spec.command)  # the whole command: the image's own entry point has no say
    return config


def tmpfs_options(text: str) -> tuple[str, str]:
    """`/path` or `/path:option,…` as path and mount options; what is not said is strict (`exec` must be asked for)."""
    path, _, given = text.partition(":")
    options = dict(_TMPFS)
    for option in filter(None, given.split(",")):
        key, _, value = option.partition("=")
        options.pop(_OPPOSITES.get(key, ""), None)
        options[key] = value
    return path, ",".join(f"{key}={value}" if value else key for key, value in options.items())


def open_files() -> int:
    """Never more than this machine allows us: an engine without the right to raise limits would not start at all."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _OPEN_FILES if allowed == resource.RLIM_INFINITY else min(_OPEN_FILES, allowed)


def _labels(spec: ContainerSpec, scope: str) -> dict[str, str]:
    return {
        **spec.labels,
        INSTANCE: spec.instance_id,
        GENERATION: str(spec.generation),
        ATTEMPT: str(spec.attempt),
        NAME: spec.instance_name,
        NODE: scope,
    }


def _host_config(spec: ContainerSpec, network: str, address: str) -> dict[str, Any]:
    memory = spec.memory_mb * 1024 * 1024
    files = open_files()
    return {
        "NetworkMode": network,
        "PortBindings": {
            f"{port.container}/{port.protocol}": [{"HostIp": address, "HostPort": str(port.host)}]
            for port in spec.ports
        },
        "Mounts": [mount_of(spec)],
        "Tmpfs": dict(map(tmpfs_options, spec.tmpfs)),
        "ReadonlyRootfs": spec.read_only_root,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Memory": memory,
        "MemorySwap": memory,  # no swap: a server that swaps is slower than one that is restarted
        "NanoCpus": round(spec.cpus * 1e9),
        "PidsLimit": spec.pids,
        "Ulimits": [
            {"Name": "nofile", "Soft": files, "Hard": files},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "Sysctls": dict(spec.sysctls),
        "LogConfig": _LOG,
        "Init": spec.init,
        "RestartPolicy": {"Name": "no"},
    }
