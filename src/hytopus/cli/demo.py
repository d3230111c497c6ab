"""The demo network: three layers of a real, free game, and two servers made of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

from hytopus.cli.connection.client import Api, at
from hytopus.cli.extras import needs
from hytopus.cli.failure import NOT_FOUND, ApiProblem, exit_code
from hytopus.cli.instance.wait import RUNNING, wait_until
from hytopus.cli.template.push import prepare, push_archive
from hytopus.cli.terminal.progress import bytes_bar, last_line

GAME: Final = "luanti"
VERSION: Final = "1.0.0"
INSTANCES: Final[Mapping[str, tuple[str, ...]]] = {
    "survival": ("luanti-base", "luanti-survival", "luanti-flatland"),
    "creative": ("luanti-base", "luanti-creative", "luanti-flatland"),
}
"""Name and layers, lowest first: the same base and map, with a game mode of their own between them."""
_WAIT_SECONDS: Final = 300.0

Say = Callable[[str], None]


async def build_demo(api: Api, logs: Path, say: Say) -> None:
    """Build the image, push the layers, start the servers. Safe to repeat: what is there is used.

    What building the image prints goes into a file in `logs`.
    """
    with needs("node", "up"):
        from hytopus.games.library import builtin_games, catalogue

    found = catalogue([builtin_games()])[GAME]
    log = logs / f"image-{GAME}.log"
    say(f"Building the image {found.game.image.reference}, once; this takes a minute or two (log: {log}).")
    await _build_image(found.game, found.folder, log)
    for layer in dict.fromkeys(chain.from_iterable(INSTANCES.values())):
        await _push(api, found.folder / "templates" / layer, layer, say)
    for name, layers in INSTANCES.items():
        await _instance(api, name, layers, say)
    say("The demo network is complete. Luanti, the game to join it with: https://www.luanti.org")


async def _build_image(game: Any, folder: Path, log: Path) -> None:
    from hytopus.games.images import build_image
    from hytopus.node.runtime.docker.client import connect

    with log.open("w") as file, last_line("building") as show:

        def progress(line: str) -> None:
            file.write(f"{line}\n")
            show(line)

        async with connect() as engine:
            await build_image(game, folder, engine=engine, progress=progress)


async def _push(api: Api, directory: Path, template_id: str, say: Say) -> None:
    with tempfile.TemporaryDirectory(prefix="hytopus-demo-") as folder:
        archive = await asyncio.to_thread(prepare, directory, Path(folder))
        with bytes_bar(template_id, archive.size) as advance:
            _, sent = await push_archive(api, template_id, VERSION, archive, advance)
    say(f"{'Pushed' if sent else 'There already:'} the layer {template_id}@{VERSION} ({archive.files} files).")


async def _instance(api: Api, name: str, layers: tuple[str, ...], say: Say) -> None:
    """Make the instance if need be, and wait until it runs."""
    try:
        instance = await api.get(at("instances", name))
    except ApiProblem as problem:
        if exit_code(problem) != NOT_FOUND:
            raise
        say(f"Creating {name} from {' + '.join(layers)}.")
        body = {
            "name": name,
            "layers": [f"{layer}@{VERSION}" for layer in layers],
            "variables": {"SERVER_NAME": f"Hytopus demo: {name}"},
            "cpus": 0.5,  # both fit on a machine with two processors
            "metadata": {"demo": "yes"},
        }
        instance = await api.post("/instances", body)
    await wait_until(api, instance, None, RUNNING, timeout=_WAIT_SECONDS)
