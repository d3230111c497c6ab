"""An operator's own Hytale download becomes a base template. The files here are made up; they only have the shape."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from hytopus.games.hytale_import import ImportFailed, NotAHytaleServer, import_hytale
from hytopus.layers.rules import TemplateRules, TemplateType

_MANIFEST = "Manifest-Version: 1.0\nMain-Class: com.hypixel.hytale.Main\nImplementation-Version: 0.6.8\n"


def jar(path: Path, manifest: str = _MANIFEST) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", manifest)
    return path


def assets(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Common/icon.png", b"\x89PNG")
    return path


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A server as it lies on a disk after it has run."""
    root = tmp_path / "hytale"
    jar(root / "Server/HytaleServer.jar")
    assets(root / "Assets.zip")
    for name in ("Server/config.json", "Server/auth.enc", "Server/logs/today.log", "start.sh", "Server/Licenses/A.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(name)
    return root


def downloaded(installed: Path, name: str = "2026.09.20-abc.zip") -> Path:
    archive = installed.parent / name
    with zipfile.ZipFile(archive, "w") as out:
        for file in sorted(installed.rglob("*")):
            if file.is_file():
                out.write(file, file.relative_to(installed))
    return archive


def files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


_WANTED = ["Assets.zip", "HytaleServer.jar", "Licenses/A.txt", "template.toml"]


def test_an_installed_server_gives_the_game_and_nothing_of_its_life(installed: Path, tmp_path: Path) -> None:
    made = import_hytale(installed, tmp_path / "base")
    assert files(made) == _WANTED
    assert (made / "Assets.zip").stat().st_ino == (installed / "Assets.zip").stat().st_ino
    rules = TemplateRules.parse((made / "template.toml").read_bytes())
    assert (rules.type, rules.game) == (TemplateType.MASTER, "hytale")
    assert rules.tags == ("hytale", "0.6.8")
    assert rules.require == ("HytaleServer.jar", "Assets.zip")
    assert rules.substitute.exclude == ("**",)


def test_the_server_folder_alone_will_do(installed: Path, tmp_path: Path) -> None:
    assert files(import_hytale(installed / "Server", tmp_path / "base")) == _WANTED


def test_the_download_gives_the_same(installed: Path, tmp_path: Path) -> None:
    made = import_hytale(downloaded(installed), tmp_path / "base")
    assert files(made) == _WANTED
    assert (made / "Assets.zip").read_bytes() == (installed / "Assets.zip").read_bytes()


def test_a_version_that_the_jar_does_not_tell_is_taken_from_the_name(installed: Path, tmp_path: Path) -> None:
    jar(installed / "Server/HytaleServer.jar", "Main-Class: x\n")
    made = import_hytale(downloaded(installed, "hytale-0.7.1.zip"), tmp_path / "base")
    assert TemplateRules.parse((made / "template.toml").read_bytes()).tags == ("hytale", "0.7.1")


def test_a_version_that_nobody_tells_is_left_out(installed: Path, tmp_path: Path) -> None:
    jar(installed / "Server/HytaleServer.jar", "Main-Class: x\n")
    made = import_hytale(installed, tmp_path / "base")
    assert TemplateRules.parse((made / "template.toml").read_bytes()).tags == ("hytale",)


@pytest.mark.parametrize("missing", ["Server/HytaleServer.jar", "Assets.zip"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_part_that_is_missing_is_named(installed: Path, tmp_path: Path, missing: str, packed: bool) -> None:
    (installed / missing).unlink()
    source = downloaded(installed) if packed else installed
    with pytest.raises(NotAHytaleServer, match=Path(missing).name):
        import_hytale(source, tmp_path / "base")
    assert not (tmp_path / "base").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_download_that_broke_off_is_refused(installed: Path, tmp_path: Path) -> None:
    whole = (installed / "Assets.zip").read_bytes()
    (installed / "Assets.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NotAHytaleServer, match=r"Assets\.zip is damaged"):
        import_hytale(installed, tmp_path / "base")
    archive = downloaded(installed)
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(NotAHytaleServer, match="cannot be read"):
        import_hytale(archive, tmp_path / "base")


def test_a_jar_that_is_no_program_is_refused(installed: Path, tmp_path: Path) -> None:
    jar(installed / "Server/HytaleServer.jar", "Manifest-Version: 1.0\n")
    with pytest.raises(NotAHytaleServer, match="not a program"):
        import_hytale(installed, tmp_path / "base")


def test_nothing_is_written_outside_the_target(installed: Path, tmp_path: Path) -> None:
    archive = downloaded(installed)
    with zipfile.ZipFile(archive, "a") as out:
        out.writestr("../Licenses/evil.txt", "x")
        out.writestr("/Licenses/evil.txt", "x")
        out.writestr("Licenses/../../evil.txt", "x")
    assert files(import_hytale(archive, tmp_path / "base")) == _WANTED


def test_what_is_there_is_never_overwritten(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base/mine").write_text("mine")
    with pytest.raises(ImportFailed, match="there already"):
        import_hytale(installed, tmp_path / "base")
    assert (tmp_path / "base/mine").read_text() == "mine"


def test_an_empty_target_is_as_good_as_none(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    assert files(import_hytale(installed, tmp_path / "base")) == _WANTED


def test_a_source_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotAHytaleServer, match="no such file"):
        import_hytale(tmp_path / "nothing.zip", tmp_path / "base")
