"""What lies in `deploy/` can be read, starts commands that exist, and sets settings that exist to values they take."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from hytopus.brain.settings import BrainSettings, load_settings
from hytopus.node.settings import NodeSettings
from hytopus.storage import s3
from tests.unit.deploy.subset import NotInSubset, read_yaml
from tests.unit.docs.test_reference import command_exists
from tools.docs.settings import environment_names

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
DOCKERFILES = sorted(DEPLOY.glob("docker/*.Dockerfile"))
_REFERENCE = re.compile(r"\$\{([A-Z0-9_]+)(:[?-][^}]*)?\}")
_RIGHTS = {
    "create_multipart_upload": "s3:PutObject",
    "upload_part": "s3:PutObject",
    "complete_multipart_upload": "s3:PutObject",
    "put_object": "s3:PutObject",
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "list_multipart_uploads": "s3:ListBucketMultipartUploads",
    "list_objects_v2": "s3:ListBucket",
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "delete_object": "s3:DeleteObject",
    "head_bucket": "s3:ListBucket",
}
"""What Amazon asks for, by operation. `create_bucket` is left to whoever sets up."""


def unit(file: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read_string(file.read_text())
    return parser


def example_env() -> dict[str, str]:
    lines = (DEPLOY / "compose/example.env").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def compose() -> dict[str, Any]:
    return read_yaml((DEPLOY / "compose/single.yaml").read_text())


def environment_of(service: str) -> dict[str, str]:
    """A service's environment as Compose would fill it in from the example."""
    given = example_env()
    found: dict[str, str] = compose()["services"][service]["environment"]
    return {name: _REFERENCE.sub(lambda match: given[match[1]], value) for name, value in found.items()}


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_a_unit_starts_a_command_that_exists(file: Path) -> None:
    parsed = unit(file)
    assert set(parsed.sections()) == {"Unit", "Service", "Install"}
    program, *words = shlex.split(parsed["Service"]["ExecStart"])
    assert program == "/opt/hytopus/bin/hytopus"
    assert len(words) == 2
    assert command_exists(words)
    assert parsed["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_a_unit_may_write_where_the_settings_write(file: Path) -> None:
    fields = BrainSettings.model_fields if "brain" in file.name else NodeSettings.model_fields
    directory = unit(file)["Service"]["StateDirectory"]
    assert fields["data_dir"].default == Path("/var/lib") / directory


def test_the_agents_end_is_not_the_servers_end() -> None:
    service = unit(DEPLOY / "systemd/hytopus-node.service")["Service"]
    assert service["KillMode"] == "mixed"
    assert "PartOf" not in unit(DEPLOY / "systemd/hytopus-node.service")["Unit"]


@pytest.mark.parametrize(("service", "kind"), [("brain", BrainSettings), ("node", NodeSettings)])
def test_compose_sets_settings_that_exist(service: str, kind: type[BrainSettings] | type[NodeSettings]) -> None:
    assert set(environment_of(service)) <= environment_names(kind)


def test_compose_gives_the_brain_values_it_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in environment_of("brain").items():
        monkeypatch.setenv(name, value)
    settings = load_settings(tmp_path / "none.toml")
    assert settings.database == "postgresql://hytopus:change-me@postgres/hytopus"
    assert settings.storage.public_endpoint == "http://127.0.0.1:8333"
    published = [port.rpartition(":")[2] for port in compose()["services"]["brain"]["ports"]]
    listens = (settings.http.listen, settings.gateway.session_listen, settings.gateway.join_listen)
    assert published == [address.rpartition(":")[2] for address in listens]


def test_compose_gives_the_node_values_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment_of("node").items():
        monkeypatch.setenv(name, value)
    settings = NodeSettings()
    assert f"{settings.data_dir}:{settings.data_dir}" in compose()["services"]["node"]["volumes"]


def test_the_example_environment_is_what_compose_asks_for() -> None:
    text = (DEPLOY / "compose/single.yaml").read_text()
    assert {match[1] for match in _REFERENCE.finditer(text)} == set(example_env())


def test_compose_names_volumes_and_files_that_exist() -> None:
    document = compose()
    for service in document["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in document["volumes"] or source.startswith("/") or source == "./s3.json"
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_the_example_keys_fit_together() -> None:
    config = json.loads((DEPLOY / "compose/s3.example.json").read_text())
    keys = config["identities"][0]["credentials"][0]
    env = example_env()
    assert (keys["accessKey"], keys["secretKey"]) == (env["S3_ACCESS_KEY"], env["S3_SECRET_KEY"])


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_a_dockerfile_copies_what_exists_and_starts_a_command_that_exists(file: Path) -> None:
    text = re.sub(r"\\\n", " ", file.read_text())
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), f"{source} does not exist"
    entry = re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    assert entry is not None
    program, *words = json.loads(entry[1])
    assert program == "hytopus"
    assert command_exists(words)


def test_the_policy_allows_what_the_brain_does_and_no_more() -> None:
    policy = json.loads((DEPLOY / "s3-policy.json").read_text())
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    source = Path(s3.__file__).read_text()
    operations = set(re.findall(r'_(?:call|presign)\(\s*"(\w+)"', source)) - {"create_bucket"}
    assert allowed == {_RIGHTS[operation] for operation in operations}


@pytest.mark.parametrize(
    "text",
    ["a: b: c\n", "a:\n\tb: c\n", "a: 1\na: 2\n", "a:\n  b: 1\n    c: 2\n", "a: *anchor\n", "- a\n", "a: x # note\n"],
)
def test_the_reader_refuses_what_it_does_not_know(text: str) -> None:
    with pytest.raises(NotInSubset):
        read_yaml(text)


def test_the_reader_reads() -> None:
    assert read_yaml('a:\n  b: c d\n  e:\n    - "x: y"\n    - z\nf: [g, "h i"]\nj:\n') == {
        "a": {"b": "c d", "e": ["x: y", "z"]},
        "f": ["g", "h i"],
        "j": None,
    }
