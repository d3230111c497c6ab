"""`game.md` and `template.md`: every key of the two files that operators write."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from hytopus.games.definition import Game
from hytopus.layers.rules import TemplateRules
from hytopus.layers.substitute import MAX_FILE
from hytopus.layers.variables import CHOICES, FACTS
from tools.docs.attributes import attribute_docs
from tools.docs.fields import default_of, nested_model, type_of
from tools.docs.markdown import code, first_paragraph, table

_GAME = """
A game is a folder with a `game.toml`: how to run one kind of server. The folder has the game's name.
[Writing a game](../guide/games.md) explains it with examples. Keys that do not exist are refused.
"""
_TEMPLATE = """
`template.toml` lies at the root of a template. It never reaches the instance. Without the file, everything is as if it
were empty. [Writing a template](../guide/templates.md) explains it with examples. Keys that do not exist are refused.
"""
_VARIABLES = f"""
## Placeholders

`${{NAME}}` is replaced by the variable's value, `${{NAME:-text}}` by `text` where it has none or an empty one, and
`$${{NAME}}` is a literal `${{NAME}}`. Names are upper-case letters, digits and `_`. Every other `$` stays as it is.
Files that are binary (a NUL in the first 8 KiB) or larger than {MAX_FILE >> 20} MiB are left alone.

| Variable | Value |
| --- | --- |
| {", ".join(code(name) for name in sorted(FACTS))} | facts; nobody can set them |
| `PORT_<NAME>` | the port called `<name>` of the game; a fact too |
| {", ".join(code(name) for name in CHOICES)} | always there, with a default that anybody may overrule |
"""


def game_page() -> str:
    return f"# game.toml\n{_GAME}\n{_tables(Game)}"


def template_page() -> str:
    return f"# template.toml\n{_TEMPLATE}\n{_tables(TemplateRules)}\n{_VARIABLES}"


def _tables(model: type[BaseModel]) -> str:
    return "\n\n".join(_section(title, each) for title, each in _sections("", model))


def _sections(title: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The model itself, then those of its tables."""
    yield title, model
    for name, field in model.model_fields.items():
        nested = nested_model(field.annotation)
        if nested is not None:
            yield from _sections(_heading(f"{title}.{name}".lstrip("."), str(field.annotation)), nested)


def _heading(path: str, annotation: str) -> str:
    if annotation.startswith("dict"):
        return f"{path}.NAME"
    return f"[{path}]" if annotation.startswith("tuple") else path


def _section(title: str, model: type[BaseModel]) -> str:
    docs = attribute_docs(model)
    keys = (
        (code(name), type_of(field), default_of(field), docs.get(name, ""))
        for name, field in model.model_fields.items()
        if nested_model(field.annotation) is None
    )
    head = f"## [{title}]" if title else "## At the top"
    return f"{head}\n\n{first_paragraph(model.__doc__)}\n\n{table(('Key', 'Value', 'Default', 'Meaning'), keys)}"
