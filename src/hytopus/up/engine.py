"""A Docker Engine that answers: the one that runs, or Debian's package, started the way the machine starts things."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx2

from hytopus.up.errors import DockerDown, DockerMissing

SOCKET: Final = "/var/run/docker.sock"
_SYSTEMD: Final = Path("/run/systemd/system")
_START_SECONDS: Final = 60.0

Say = Callable[[str], None]


async def ensure_engine(logs: Path, say: Say) -> None:
    """Returns when an Engine answers; installs and starts one if need be. It stays when `up` ends: games run on it."""
    if version := await engine_version():
        say(f"Docker Engine {version} answers.")
        return
    if "DOCKER_HOST" in os.environ:
        raise DockerDown(address=os.environ["DOCKER_HOST"], why="DOCKER_HOST names it, but nothing answers there.")
    if shutil.which("dockerd") is None:
        await _install(say)
    if not await engine_version():
        await _start(logs, say)
    say(f"Docker Engine {await engine_version()} answers.")


async def engine_version() -> str | None:
    """The version of the Engine that answers; None if none does."""
    host = os.environ.get("DOCKER_HOST", f"unix://{SOCKET}")
    scheme, _, address = host.partition("://")
    transport = httpx2.AsyncHTTPTransport(uds=address) if scheme == "unix" else None
    url = "http://docker" if scheme == "unix" else f"http://{address}"
    try:
        async with httpx2.AsyncClient(transport=transport, timeout=5, trust_env=False) as client:
            response = await client.get(f"{url}/version")
            return str(response.raise_for_status().json()["Version"])
    except (httpx2.HTTPError, ValueError, KeyError):
        return None


async def _install(say: Say) -> None:
    if shutil.which("apt-get") is None:
        raise DockerMissing(address=SOCKET, why="this is neither Debian nor Ubuntu (there is no apt-get)")
    say("No Docker Engine answers: installing docker.io with apt-get.")
    await _apt_install("docker.io")


async def _apt_install(package: str) -> None:
    code, output = await _apt_get("install", package)
    if code:  # the package lists may be missing or old
        await _apt_get("update")
        code, output = await _apt_get("install", package)
    if code:
        raise DockerMissing(address=SOCKET, why=f"apt-get failed:\n{_tail(output)}")


async def _apt_get(*arguments: str) -> tuple[int, str]:
    options = ("-q", "-y", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return await _run("apt-get", *options, *arguments, environment=environment)


async def _start(logs: Path, say: Say) -> None:
    if _SYSTEMD.is_dir():
        say("Starting Docker with systemctl.")
        code, output = await _run("systemctl", "start", "docker")
        if code:
            raise DockerDown(address=SOCKET, why=_tail(output))
        await _wait(None, Path("/dev/null"))
        return
    await _ensure_cgroups(say)
    log = logs / "dockerd.log"
    say(f"Starting dockerd by hand, since there is no systemd (log: {log}). It stays when Hytopus ends.")
    await _wait(await asyncio.to_thread(_launch, log), log)


async def _ensure_cgroups(say: Say) -> None:
    """Without systemd, nothing may have mounted what dockerd limits containers with; Debian has a script for that."""
    mounts = (line.split() for line in (await asyncio.to_thread(Path("/proc/self/mounts").read_text)).splitlines())
    if any(fields[2] in ("cgroup", "cgroup2") for fields in mounts):
        return
    say("Mounting the control groups with Debian's cgroupfs-mount, since nothing has done so.")
    if shutil.which("cgroupfs-mount") is None:
        await _apt_install("cgroupfs-mount")
    code, output = await _run("cgroupfs-mount")
    if code:
        raise DockerDown(address=SOCKET, why=f"cgroupfs-mount failed:\n{_tail(output)}")


def _launch(log: Path) -> subprocess.Popen[bytes]:
    """dockerd in a session of its own, so that neither Ctrl-C nor our end reaches it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            ["dockerd"],  # noqa: S607 - found in the PATH before
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def _wait(process: subprocess.Popen[bytes] | None, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not await engine_version():
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            said = await asyncio.to_thread(log.read_text, errors="replace")
            raise DockerDown(address=SOCKET, why=_tail(said) or "it said nothing.")
        await asyncio.sleep(0.2)


async def _run(*command: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=environment)
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return process.returncode or 0, output.decode(errors="replace")


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-10:])
