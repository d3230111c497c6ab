"""What can keep `hytopus up` from coming up."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class NotRoot(HytopusError):
    code: ClassVar[str] = "not_root"
    template: ClassVar[str] = "`hytopus up` must be root: it steers Docker and gives game files to the games' user."
    remedy: ClassVar[str] = "Run it with sudo, or as root."


class AlreadyUp(HytopusError):
    code: ClassVar[str] = "already_up"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Hytopus is already up in {data_dir}: process {pid} holds the lock."
    remedy: ClassVar[str] = "Use it (`hytopus status`), stop it with Ctrl-C, or name another --data-dir and --port."


class PortTaken(HytopusError):
    code: ClassVar[str] = "port_taken_here"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Port {port} is taken by {holder}."
    remedy: ClassVar[str] = "Stop that, or move all ports with --port."


class DiskTooFull(HytopusError):
    code: ClassVar[str] = "disk_full"
    template: ClassVar[str] = "Only {free_mb} MB are free where {path} is; {needed_mb} MB are needed to begin."
    remedy: ClassVar[str] = "Make room, or name a --data-dir on another disk."


class DockerMissing(HytopusError):
    code: ClassVar[str] = "docker_missing"
    template: ClassVar[str] = "No Docker Engine answers at {address}, and it cannot be installed: {why}."
    remedy: ClassVar[str] = "Install and start Docker (docs.docker.com/engine/install), then run this again."


class DockerDown(HytopusError):
    code: ClassVar[str] = "docker_down"
    template: ClassVar[str] = "The Docker Engine at {address} does not answer: {why}"
    remedy: ClassVar[str] = "Start it (`systemctl start docker`) and look into its log, then run this again."


class ServiceFailed(HytopusError):
    code: ClassVar[str] = "service_failed"
    template: ClassVar[str] = "{name} did not start: {why}."
    remedy: ClassVar[str] = "Its log, {log}, ends with:\n{tail}"


class NoAdmin(HytopusError):
    code: ClassVar[str] = "no_admin"
    template: ClassVar[str] = "The database has users, but no admin who is allowed in."
    remedy: ClassVar[str] = "Use a database of its own for this Brain."
