"""The demo network: three layers of a real, free game, and two servers made of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hytopus.cli.client import Api, Json, at
from hytopus.cli.extras import needs
from hytopus.cli.failure import NOT_FOUND, ApiProblem, exit_code
from hytopus.cli.instance_wait import RUNNING, wait_until
from hytopus.cli.output import note, plain
from hytopus.cli.progress import bytes_bar
from hytopus.cli.template_push import prepare, push_archive

GAME: Final = "luanti"
VERSION: Final = "1.0.0"
LAYERS: Final = ("luanti-base", "luanti-mode", "luanti-map")
INSTANCES: Final = ("demo-one", "demo-two")
_WAIT_SECONDS: Final = 300.0

Say = Callable[[str], None]


async def build_demo(api: Api, say: Say) -> None:
    """Build the image, push the layers, start the servers. Safe to repeat: what is there is used."""
    with needs("node", "up"):
        from hytopus.games.library import builtin_games, catalogue

    found = catalogue([builtin_games()])[GAME]
    say(f"Building the image {found.game.image.reference} (once; this takes a minute or two).")
    await _build_image(found.game, found.folder)
    for directory, template_id in layers_of(found.folder):
        await _push(api, directory, template_id, say)
    for name in INSTANCES:
        instance = await _instance(api, name, say)
        say(f"{name} runs: in Luanti, join {plain(instance['address'])}")


def layers_of(folder: Path) -> list[tuple[Path, str]]:
    """The game's example layers, lowest first, and what to call them."""
    return [(folder / "templates" / name.removeprefix(f"{GAME}-"), name) for name in LAYERS]


async def _build_image(game: Any, folder: Path) -> None:
    from hytopus.games.images import build_image
    from hytopus.node.runtime.docker.client import connect

    async with connect() as engine:
        await build_image(game, folder, engine=engine, progress=lambda line: note(f"    {plain(line)}"))


async def _push(api: Api, directory: Path, template_id: str, say: Say) -> None:
    with tempfile.TemporaryDirectory(prefix="hytopus-demo-") as folder:
        archive = await asyncio.to_thread(prepare, directory, Path(folder))
        with bytes_bar(template_id, archive.size) as advance:
            _, sent = await push_archive(api, template_id, VERSION, archive, advance)
    say(f"{'Pushed' if sent else 'There already:'} the layer {template_id}@{VERSION} ({archive.files} files).")


async def _instance(api: Api, name: str, say: Say) -> Json:
    """The instance, made if need be, once it runs."""
    try:
        instance = await api.get(at("instances", name))
    except ApiProblem as problem:
        if exit_code(problem) != NOT_FOUND:
            raise
        say(f"Creating {name} from {' + '.join(LAYERS)}.")
        instance = await api.post("/instances", {"name": name, "layers": [f"{each}@{VERSION}" for each in LAYERS]})
    return await wait_until(api, instance, None, RUNNING, timeout=_WAIT_SECONDS)
