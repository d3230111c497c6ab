"""The container runtime on a Docker Engine."""

from hytopus.node.runtime.docker.runtime import DockerRuntime

__all__ = ["DockerRuntime"]
