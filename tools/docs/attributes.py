"""The text below an attribute of a class, which Python itself throws away."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise


@cache
def attribute_docs(kind: type) -> Mapping[str, str]:
    """Name of the attribute -> the text below it, the class's own and those it inherits."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("hytopus"):
            found.update(_own(base))
    return found


def _own(kind: type) -> Iterator[tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    definition = tree.body[0]
    assert isinstance(definition, ast.ClassDef)
    for statement, following in pairwise(definition.body):
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            for name in _names(statement):
                yield name, inspect.cleandoc(str(following.value.value))


def _names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return []
