"""Mistakes in templates, and differences between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hytopus.layers.diff import Kind, diff
from hytopus.layers.lint import Level, lint
from hytopus.layers.pack import pack


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for path, data in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data if isinstance(data, bytes) else data.encode())
    return root


def found(root: Path) -> set[tuple[str, str]]:
    return {(one.level.value, one.path) for one in lint(root)}


def test_a_good_template_has_no_findings(tmp_path: Path) -> None:
    rules = '[variables.MOTD]\ndefault = "hello"\n'
    write(tmp_path / "t", {"template.toml": rules, "a.conf": "motd=${MOTD}\nport=${PORT}\nrcon=${PORT_RCON}"})
    assert lint(tmp_path / "t") == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"template.toml": "nonsense ="}, ("error", "template.toml")),
        ({"a": "", "A": ""}, ("error", "a")),
        ({"a": "${MINE}"}, ("warning", "a")),
        ({"template.toml": "[variables.UNUSED]", "a": "x"}, ("warning", "template.toml")),
        (
            {"template.toml": '[variables.RCON_PASSWORD]\ndefault="x"', "a": "${RCON_PASSWORD}"},
            ("warning", "template.toml"),
        ),
        ({"template.toml": '[substitute]\nexclude=["a"]', "a": "${PORT}"}, ("warning", "a")),
        ({"a": b"\0${PORT}"}, ("warning", "a")),
        ({"run.sh": "#!/bin/sh\r\n# ${PORT}\r\n"}, ("warning", "run.sh")),
        ({"Template.toml": ""}, ("warning", "Template.toml")),
        ({".git/config": ""}, ("warning", ".git")),
        ({"template.toml": 'remove = ["/x"]', "a": "x"}, ("warning", "template.toml")),
    ],
)
def test_each_mistake_is_found_where_it_is(
    tmp_path: Path, files: dict[str, str | bytes], expected: tuple[str, str]
) -> None:
    assert expected in found(write(tmp_path / "t", files))


def test_an_empty_template_is_worth_a_word(tmp_path: Path) -> None:
    assert found(tmp_path) == {("warning", ".")}


def test_everything_is_reported_at_once_errors_first(tmp_path: Path) -> None:
    root = write(tmp_path / "t", {"a": "${X}", "b": "", "B": ""})
    (root / "out").symlink_to("/etc")
    findings = lint(root)
    assert [one.path for one in findings if one.level is Level.ERROR] == ["b", "out"]
    assert findings[-1].level is Level.WARNING
    assert all(one.message for one in findings)


def test_tarballs_are_looked_at_too(tmp_path: Path) -> None:
    root = write(tmp_path / "t", {"a": "${MINE}"})
    pack(root, tmp_path / "x.tar.zst")
    assert ("warning", "a") in found(tmp_path / "x.tar.zst")
    (tmp_path / "x.tar.zst").write_bytes(b"not an archive" * 100)
    assert {level for level, _ in found(tmp_path / "x.tar.zst")} == {"error"}


def test_differences_by_path(tmp_path: Path) -> None:
    old = write(tmp_path / "old", {"same": "1", "gone": "1", "changed": "11", "mode": "1", "kind": "1"})
    new = write(tmp_path / "new", {"same": "1", "changed": "22", "mode": "1", "kind/inside": "1", "link-to": ""})
    (new / "mode").chmod(0o755)
    (new / "link-to").unlink()
    (new / "link-to").symlink_to("same")
    expected = [
        ("changed", Kind.CHANGED),
        ("gone", Kind.REMOVED),
        ("kind", Kind.CHANGED),
        ("kind/inside", Kind.ADDED),
        ("link-to", Kind.ADDED),
        ("mode", Kind.MODE),
    ]
    assert [(one.path, one.kind) for one in diff(old, new)] == expected
    pack(old, tmp_path / "old.tar.gz")
    pack(new, tmp_path / "new.tar")
    assert diff(tmp_path / "old.tar.gz", tmp_path / "new.tar") == diff(old, new)
    assert diff(old, tmp_path / "old.tar.gz") == []
