"""Mistakes in a template that packing would let through, and those that it would not, all at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from hytopus.errors import HytopusError
from hytopus.layers.archive import RULES_PATH, scan
from hytopus.layers.compression import open_window
from hytopus.layers.errors import PackRefused
from hytopus.layers.globs import matches_any
from hytopus.layers.manifest import FILE, LINK
from hytopus.layers.names import BadName, Paths, check_link
from hytopus.layers.pack import Item, read_rules, walk
from hytopus.layers.rules import TemplateRules
from hytopus.layers.substitute import MAX_FILE, placeholders
from hytopus.layers.variables import CHOICES, FACTS

_HUGE: Final = 1 << 30
_SECRET: Final = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE|CREDENTIAL|(^|_)KEY$")
_LITTER: Final = frozenset({".git", ".svn", ".DS_Store", "Thumbs.db", "__MACOSX", "desktop.ini"})
_ANY_NAME: Final = re.compile(rb"\$\{([A-Z][A-Z0-9_]*)")


class Level(StrEnum):
    """An error is what makes packing or preparing fail."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    path: str
    message: str
    remedy: str = ""


@dataclass(slots=True)
class _Used:
    """Names by the files that use them: where they are substituted, and where they never are."""

    substituted: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, tuple[str, str]] = field(default_factory=dict)


def lint(source: Path) -> list[Finding]:
    """Everything worth a word about a template's directory or tarball, errors first."""
    findings = list(_directory(source) if source.is_dir() else _tarball(source))
    return sorted(findings, key=lambda one: (one.level != Level.ERROR, one.path, one.message))


def _directory(source: Path) -> Iterator[Finding]:
    try:
        rules = read_rules(source)
    except HytopusError as error:
        yield Finding(Level.ERROR, RULES_PATH, error.message, error.advice)
        rules = TemplateRules()
    yield from _rules(rules)
    paths, used, empty = Paths(), _Used(), True
    for path in walk(source):
        empty = False
        yield from _path(paths, source, path)
        if path.is_file() and not path.is_symlink():
            yield from _file(rules, used, path.relative_to(source).as_posix(), path)
    if empty:
        yield Finding(Level.WARNING, ".", "The template is empty.")
    yield from _variables(rules, used)


def _tarball(source: Path) -> Iterator[Finding]:
    """What the manifest tells: files are not looked into."""
    try:
        with source.open("rb") as file:
            manifest = scan(open_window(file.read))
        rules = TemplateRules.parse(manifest.rules_text)
    except HytopusError as error:
        yield Finding(Level.ERROR, str(error.params.get("name", ".")), error.message, error.advice)
        return
    used = _Used()
    for path, entry in manifest.entries.items():
        for name in entry.names or ():
            _note(rules, used, path, name)
    yield from _rules(rules)
    yield from _variables(rules, used)


def _path(paths: Paths, root: Path, path: Path) -> Iterator[Finding]:
    name = path.relative_to(root).as_posix()
    try:
        item = Item.of(root, path)
        paths.add(item.path, item.kind)
        if item.kind == LINK:
            check_link(item.path, item.target)
    except PackRefused as error:
        yield Finding(Level.ERROR, name, error.message, error.advice)
        return
    except BadName as error:
        yield Finding(Level.ERROR, name, f"It cannot be part of a template: {error.rule}.", "Remove or rename it.")
        return
    if path.name in _LITTER:
        yield Finding(Level.WARNING, name, "It looks like something that got in by accident.", "Remove it.")
    if name.lower() == RULES_PATH and name != RULES_PATH:
        yield Finding(Level.WARNING, name, f"It is not read: the file's name is {RULES_PATH}.", "Rename it.")
    if item.kind == FILE and item.size > _HUGE:
        yield Finding(Level.WARNING, name, f"It is very large ({item.size >> 20} MiB).")


def _file(rules: TemplateRules, used: _Used, path: str, real: Path) -> Iterator[Finding]:
    if path == RULES_PATH:
        return
    with real.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    names = placeholders(data)
    for name in names or ():
        _note(rules, used, path, name)
    if names is None:
        why = "it is too large" if len(data) > MAX_FILE else "it is binary"
        for name in {match.decode() for match in _ANY_NAME.findall(data)}:
            used.ignored.setdefault(name, (path, why))
    elif b"\r\n" in data and path.endswith((".sh", ".bash", ".py")):
        yield Finding(Level.WARNING, path, "It has Windows line ends, which scripts do not survive.", "Save with LF.")


def _note(rules: TemplateRules, used: _Used, path: str, name: str) -> None:
    chosen = rules.substitute
    if matches_any(path, chosen.include) and not matches_any(path, chosen.exclude):
        used.substituted.setdefault(name, path)
    else:
        used.ignored.setdefault(name, (path, "the template's rules leave it alone"))


def _rules(rules: TemplateRules) -> Iterator[Finding]:
    for name, variable in rules.variables.items():
        if _SECRET.search(name) and not variable.secret:
            yield Finding(Level.WARNING, RULES_PATH, f"{name} looks like a secret.", "Declare it with `secret = true`.")
        if _SECRET.search(name) and variable.default:
            yield Finding(Level.WARNING, RULES_PATH, f"{name} has a default that everybody can read.", "Remove it.")
        if variable.required and variable.default is not None:
            yield Finding(
                Level.WARNING, RULES_PATH, f"{name} is required but has a default, so it never lacks a value."
            )
    for pattern in (*rules.remove, *rules.require):
        if pattern.startswith("/") or ".." in pattern.split("/"):
            yield Finding(Level.WARNING, RULES_PATH, f"{pattern!r} matches nothing.", "Write paths from the root down.")


def _variables(rules: TemplateRules, used: _Used) -> Iterator[Finding]:
    known = {*FACTS, *CHOICES, *rules.variables, *rules.substitute.allow_unresolved}
    for name, path in used.substituted.items():
        if name not in known and not name.startswith("PORT_"):
            yield Finding(
                Level.WARNING,
                path,
                f"${{{name}}} is not declared: it must come from another layer or be given.",
                "Declare it under [variables] in template.toml.",
            )
    for name in rules.variables:
        if name not in used.substituted and name not in used.ignored:
            yield Finding(Level.WARNING, RULES_PATH, f"{name} is declared, but no file of this template uses it.")
    for name, (path, why) in used.ignored.items():
        if name in known:
            yield Finding(Level.WARNING, path, f"${{{name}}} stays as it is: {why}.")
