"""Images built on a real engine, from a Dockerfile and from Debian packages, and left alone when nothing changed."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiodocker import Docker, DockerError

from hytopus.games.debian import make_rootfs
from hytopus.games.definition import DebianImage, Game
from hytopus.games.images import ImageBuildFailed, build_image
from hytopus.games.library import load_game
from hytopus.kit.ids import new_id
from hytopus.node.runtime.docker.client import call, connect
from tests.integration.docker.conftest import DockerBench
from tests.unit.node.runtime.contract import ended

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_DEBIAN = '[image.debian]\nvariant = "extract"\npackages = ["busybox-static"]\n'


class Recipe:
    """A game of a test's own, whose image is removed with it."""

    def __init__(self, folder: Path, engine: Docker) -> None:
        self.folder = folder
        self.engine = engine
        self.reference = f"hytopus-test/{new_id()}:1"
        self.said: list[str] = []

    def write(self, *, server: str = "echo hello", dockerfile: str = "", debian: str = "") -> Game:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "server").write_text(f"#!/bin/busybox sh\n{server}\n")
        (self.folder / "server").chmod(0o755)
        if dockerfile:
            (self.folder / "Dockerfile").write_text(dockerfile)
        text = (
            f'name = "{self.folder.name}"\ntitle = "Test"\ncommand = ["/opt/server"]\n'
            f'[image]\nreference = "{self.reference}"\nfiles = {{ server = "/opt/server" }}\n{debian}'
        )
        (self.folder / "game.toml").write_text(text)
        return load_game(self.folder)

    async def image_id(self) -> str:
        found = await self.engine.images.inspect(self.reference)
        return str(found["Id"])

    async def build(self, game: Game, **options: str) -> bool:
        self.said.clear()
        built = await build_image(game, self.folder, engine=self.engine, progress=self.said.append, **options)  # type: ignore[arg-type]
        return built.built


@pytest.fixture
async def recipe(tmp_path: Path, engine: Docker) -> AsyncIterator[Recipe]:
    recipe = Recipe(tmp_path / "game", engine)
    yield recipe
    listed = await call(engine, "GET", "images/json")
    if any(recipe.reference in (image["RepoTags"] or []) for image in listed):
        await call(engine, "DELETE", f"images/{recipe.reference}")


async def output(bench: DockerBench, game: Game) -> list[str]:
    spec = replace(bench.spec(), image=game.image.reference, command=game.command)
    await bench.runtime.start(spec)
    await ended(bench.runtime, spec.instance_id)
    lines = [line async for _, line in bench.runtime.logs(spec.instance_id)]
    await bench.runtime.remove(spec.instance_id)  # else the image could not be removed
    return lines


async def test_a_dockerfile_on_an_image_at_hand(bench: DockerBench, recipe: Recipe, stand_in: str) -> None:
    game = recipe.write(dockerfile=f"FROM {stand_in}\nCOPY server /opt/server\n")
    assert await recipe.build(game)
    assert any("COPY server" in line for line in recipe.said)
    assert await output(bench, game) == ["hello"]
    assert not await recipe.build(game)
    assert recipe.said == [f"{recipe.reference} is up to date"]


async def test_a_change_is_built(bench: DockerBench, recipe: Recipe) -> None:
    assert await recipe.build(recipe.write(debian=_DEBIAN))
    first = await recipe.image_id()
    game = recipe.write(server="echo changed", debian=_DEBIAN)
    assert await recipe.build(game)
    assert await output(bench, game) == ["changed"]
    assert await recipe.image_id() != first
    with pytest.raises(DockerError, match="No such image"):
        await recipe.engine.images.inspect(first)


async def test_debian_packages_do_where_no_registry_is(bench: DockerBench, recipe: Recipe) -> None:
    game = recipe.write(dockerfile="FROM registry.invalid/base:1\n", debian=_DEBIAN)
    assert await recipe.build(game)
    assert any("registry.invalid" in line and "Debian packages instead" in line for line in recipe.said)
    assert await output(bench, game) == ["hello"]


async def test_who_asks_for_the_dockerfile_gets_its_error(recipe: Recipe) -> None:
    game = recipe.write(dockerfile="FROM registry.invalid/base:1\n", debian=_DEBIAN)
    with pytest.raises(ImageBuildFailed, match=r"registry\.invalid.*docker load"):
        await recipe.build(game, prefer="dockerfile")


async def test_a_step_that_fails_is_told(recipe: Recipe, stand_in: str) -> None:
    game = recipe.write(dockerfile=f"FROM {stand_in}\nCOPY missing /opt/\n")
    with pytest.raises(ImageBuildFailed, match="missing"):
        await recipe.build(game)


async def test_a_package_that_is_not_there_is_named(recipe: Recipe) -> None:
    game = recipe.write(debian=_DEBIAN.replace("busybox-static", "hytopus-no-such-package"))
    with pytest.raises(ImageBuildFailed, match="hytopus-no-such-package") as caught:
        await recipe.build(game)
    assert "apt-get update" in caught.value.advice
    assert any("fetching fresh ones" in line for line in recipe.said)


async def test_a_recipe_without_a_way_is_told(recipe: Recipe) -> None:
    with pytest.raises(ImageBuildFailed, match="no way to build"):
        await recipe.build(recipe.write())


async def test_an_engine_that_is_not_there_is_told(recipe: Recipe, tmp_path: Path) -> None:
    async with connect(f"unix://{tmp_path}/none.sock") as nobody:
        recipe.engine, engine = nobody, recipe.engine
        with pytest.raises(ImageBuildFailed, match="Cannot connect"):
            await recipe.build(recipe.write(debian=_DEBIAN))
        recipe.engine = engine


async def test_a_build_that_is_cancelled_leaves_no_process(recipe: Recipe) -> None:
    building = asyncio.create_task(recipe.build(recipe.write(debian=_DEBIAN)))
    async with asyncio.timeout(60):
        while not recipe.said:
            await asyncio.wait([building], timeout=0.01)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building


async def test_a_root_file_system_has_the_packages_and_the_games_files(tmp_path: Path) -> None:
    server = tmp_path / "server"
    server.write_text("#!/bin/busybox sh\n")
    server.chmod(0o755)
    image = DebianImage(variant="extract", packages=("busybox-static",))
    target = tmp_path / "rootfs.tar"
    await make_rootfs(image, {server: "/opt/game/server"}, target, progress=lambda line: None)
    with tarfile.open(target) as rootfs:
        members = {member.name.removeprefix("./"): member for member in rootfs}
    assert members["bin/busybox"].mode & 0o111
    assert members["opt/game/server"].mode == 0o755
    assert members["opt/game"].isdir()
    assert "usr/share/doc/busybox-static/copyright" in members
    assert not any(name.startswith("usr/share/man/") for name in members)
