"""The command line as a whole: help, usage, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hytopus.cli.app import run
from hytopus.cli.failure import ApiProblem, exit_code, explain
from tests.services.ports import free_port


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYTOPUS_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("HYTOPUS_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("HYTOPUS_TOKEN", raising=False)


def test_help_lists_the_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for word in ("instance", "template", "node", "Exit codes"):
        assert word in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["instance", "lst"],
        ["instance", "create"],
        ["instance", "list", "--bad"],
        ["instance", "create", "a", "base", "--set", "novalue"],
        ["node", "dev-mode", "a", "maybe"],
        ["instance", "create", "a"],
        ["status", "--url", "127.0.0.1:8420"],
        ["up", "--port", "70000"],
        ["completion", "tcsh"],
    ],
)
def test_wrong_usage_is_told_with_an_exit_code_of_its_own(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().err


def test_no_brain_is_an_exit_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["instance", "list"]) == 6
    shown = capsys.readouterr().err
    assert "cannot be reached" in shown
    assert "→ " in shown


def test_errors_are_json_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["instance", "list", "--json"]) == 6
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["code"] == "brain_unreachable"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "import-hytale" in script
    assert "--on-node-loss" in script


@pytest.mark.parametrize("command", [["backup", "now"], ["backup", "verify"], ["brain", "backup"]])
def test_what_is_on_can_be_turned_off(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    assert re.search(r"--(wait|verify) +--no-\1", capsys.readouterr().out)


def test_a_field_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "The request is not valid: cpus: Input should be greater."
    fields = [{"field": "cpus", "message": "Input should be greater"}, {"field": "name", "message": "Too long"}]
    problem = ApiProblem({"code": "invalid_request", "detail": sentence, "errors": fields}, 422)
    explain(problem)
    assert capsys.readouterr().err == f"error: {sentence}\n  name: Too long\n"
    assert exit_code(problem) == 2


def test_help_imports_nothing_of_the_roles() -> None:
    """A bare installation has neither FastAPI nor Docker's client, and help must be fast."""
    code = (
        "import sys; from hytopus.cli.app import run; run(['--help']); run(['instance', 'create', '--help']); "
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('fastapi', 'sqlalchemy', 'grpc', 'aiodocker', 'aiobotocore') or name.startswith('hytopus.brain.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines()[-1] == "[]"


def test_settings_that_do_not_hold_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HYTOPUS_NODE__PORTS__FIRST", "many")
    assert run(["node", "run"]) == 1
    assert "ports.first" in capsys.readouterr().err


def test_what_the_machine_refuses_is_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "layer").mkdir()
    assert run(["template", "pack", str(tmp_path / "layer"), "--output", str(tmp_path / "no" / "x.tar.zst")]) == 1
    assert "No such file or directory" in capsys.readouterr().err


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "aiodocker" or "runtime.docker" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiodocker", None)
    assert run(["game", "build", "luanti"]) == 1
    assert "pip install 'hytopus[node]'" in capsys.readouterr().err
