"""The volume that is an instance's directory: an overlay, mounted by the engine when the container starts."""

from __future__ import annotations

from typing import Any, Final

from aiodocker import Docker, DockerError

from hytopus.node.runtime.base import BindMount, ContainerFault, ContainerSpec, OverlayMount
from hytopus.node.runtime.docker.client import call
from hytopus.node.runtime.docker.errors import is_missing
from hytopus.node.runtime.docker.names import INSTANCE, NODE, name_of

_LONGEST_OPTIONS: Final = 4095
"""mount(2) takes one page and silently cuts what is longer, which could cut off the upper directory."""

_PLAIN: Final = "metacopy=off,redirect_dir=off"
"""Whatever the kernel's defaults are: what the upper directory holds can be read without the mount."""

_SPECIAL: Final = frozenset(":,\\")
"""Characters that mean something in the option string of an overlay."""


def mount_of(spec: ContainerSpec) -> dict[str, Any]:
    """The `Mounts` entry of the container."""
    if isinstance(spec.mount, BindMount):
        return {"Type": "bind", "Source": spec.mount.source, "Target": spec.workdir}
    # NoCopy: an engine would mount the volume once more, only to see whether the image has files for it.
    return {
        "Type": "volume",
        "Source": name_of(spec.instance_id),
        "Target": spec.workdir,
        "VolumeOptions": {"NoCopy": True},
    }


async def ensure_volume(docker: Docker, spec: ContainerSpec, scope: str) -> None:
    """Make the overlay's volume; one that is left over with other layers is replaced."""
    if isinstance(spec.mount, BindMount):
        return
    options = overlay_options(spec.mount, spec.instance_id)
    if (await _create(docker, spec, scope, options))["Options"] == options:
        return
    await remove_volume(docker, spec.instance_id)
    await _create(docker, spec, scope, options)


async def remove_volume(docker: Docker, instance_id: str) -> None:
    """Forget the volume; the directories it is made of stay."""
    try:
        await call(docker, "DELETE", f"volumes/{name_of(instance_id)}")
    except DockerError as error:
        if not is_missing(error):
            raise


def overlay_options(mount: OverlayMount, instance_id: str) -> dict[str, str]:
    """The options of the `local` driver; raises `ContainerFault` where the kernel would cut or misread them."""
    for path in (*mount.lower, mount.upper, mount.work):
        if _SPECIAL.intersection(path):
            raise ContainerFault(
                verb="mount the layers of", instance=instance_id, why=f"a special character in {path!r}"
            )
    options = f"lowerdir={':'.join(mount.lower)},upperdir={mount.upper},workdir={mount.work},{_PLAIN}"
    if len(options.encode()) > _LONGEST_OPTIONS:
        why = f"the paths of {len(mount.lower)} layers are longer than the {_LONGEST_OPTIONS} bytes the kernel takes"
        raise ContainerFault(verb="mount the layers of", instance=instance_id, why=why)
    return {"type": "overlay", "device": "overlay", "o": options}


async def _create(docker: Docker, spec: ContainerSpec, scope: str, options: dict[str, str]) -> Any:
    body = {
        "Name": name_of(spec.instance_id),
        "Driver": "local",
        "DriverOpts": options,
        "Labels": {INSTANCE: spec.instance_id, NODE: scope},
    }
    return await call(docker, "POST", "volumes/create", body=body)
