"""The panel of a checkout is built beside the rest of `up`, and only where it is not current."""

from __future__ import annotations

from pathlib import Path

import pytest

from hytopus.up.panel import building
from tests.services.waiting import eventually

MAKEFILE = "panel: built\nbuilt: source\n\t{recipe}\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    place = tmp_path / "checkout"
    place.mkdir()
    (place / "source").touch()
    return place


def _recipe(checkout: Path, recipe: str) -> None:
    (checkout / "Makefile").write_text(MAKEFILE.format(recipe=recipe))


async def test_a_panel_that_is_not_current_is_built_once(checkout: Path, tmp_path: Path) -> None:
    _recipe(checkout, "@echo building; touch built")
    said: list[str] = []
    for _ in range(2):
        async with building(tmp_path / "logs", said.append, checkout) as built:
            await built()
            assert (checkout / "built").exists()
    assert [line.split()[0] for line in said if line.startswith("Building")] == ["Building"]
    assert str(tmp_path / "logs" / "panel.log") in "".join(said)
    assert (tmp_path / "logs" / "panel.log").read_text() == "building\n"


async def test_a_panel_that_cannot_be_built_is_told_and_stops_nothing(checkout: Path, tmp_path: Path) -> None:
    _recipe(checkout, "@echo the registry does not answer; exit 1")
    said: list[str] = []
    async with building(tmp_path / "logs", said.append, checkout) as built:
        await built()
    assert "everything else works" in said[-2]
    assert "the registry does not answer" in said[-1]


async def test_leaving_early_ends_the_build_with_all_its_processes(checkout: Path, tmp_path: Path) -> None:
    _recipe(checkout, "@sleep 600 & echo $$! > pid; wait")
    pid = checkout / "pid"
    async with building(tmp_path / "logs", lambda text: None, checkout):
        await eventually(lambda: pid.exists() and pid.read_text().strip() != "")
    await eventually(lambda: _ended(pid.read_text().strip()))


async def test_a_build_that_does_not_care_is_ended_all_the_same(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hytopus.up.panel._GRACE", 0.2)
    _recipe(checkout, "@(trap '' TERM; sleep 600 & echo $$! > pid; wait)")
    pid = checkout / "pid"
    async with building(tmp_path / "logs", lambda text: None, checkout):
        await eventually(lambda: pid.exists() and pid.read_text().strip() != "")
    await eventually(lambda: _ended(pid.read_text().strip()))


def _ended(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
