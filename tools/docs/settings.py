"""`settings.md`: what an operator can set, in the file, in the environment, and what it is otherwise."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from hytopus.brain.settings import CONFIG_FILE, BrainSettings
from hytopus.node.settings import DEFAULT_FILE, NodeSettings
from tools.docs.fields import Row, rows
from tools.docs.markdown import anchor, code, table

_INTRO = """
Each setting can stand in a TOML file, where the part before the last dot is the name of a table, or in the environment,
which wins over the file. A name that does not exist is an error in the file. Lists in the environment are JSON:
`HYTOPUS_NODE__TAGS='["ssd", "fast"]'`.
"""
_FILES = f"""
```toml
# {CONFIG_FILE}
database_url = "postgresql://hytopus:secret@db.example.net/hytopus"

[http]
listen = "0.0.0.0:8420"
```

is the same as

```sh
HYTOPUS_BRAIN__DATABASE_URL=postgresql://hytopus:secret@db.example.net/hytopus
HYTOPUS_BRAIN__HTTP__LISTEN=0.0.0.0:8420
```
"""
_BRAIN = f"The file is `{CONFIG_FILE}`, or the one named by `hytopus brain run --config`."
_NODE = (
    f"The file is `{DEFAULT_FILE}`, or the one named by `HYTOPUS_NODE_CONFIG`. Who the node is and where its Brain is "
    "comes from joining, not from here. Region, tags, environment, address and slots can be overruled at the Brain "
    "(`hytopus node change`)."
)


def page() -> str:
    links = " · ".join(f"[{title}](#{anchor(title)})" for title in ("Brain", "Node"))
    brain = f"## Brain\n\n{_BRAIN}\n\n{_table(BrainSettings)}"
    node = f"## Node\n\n{_NODE}\n\n{_table(NodeSettings)}"
    return "\n\n".join([f"# Settings\n{_INTRO}{_FILES}", links, brain, node])


def environment_names(kind: type[BaseSettings]) -> set[str]:
    """Every environment variable that means something."""
    return {_variable(kind, row) for row in rows(kind)}


def _table(kind: type[BaseSettings]) -> str:
    shown = (
        (f"{code(row.path)}<br>{code(_variable(kind, row))}", row.type, row.default, row.text) for row in rows(kind)
    )
    return table(("Key and environment variable", "Value", "Default", "Meaning"), shown)


def _variable(kind: type[BaseSettings], row: Row) -> str:
    return kind.model_config["env_prefix"] + row.path.replace(".", "__").upper()
