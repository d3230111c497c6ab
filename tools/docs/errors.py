"""`errors.md`: every error a person can meet, by its code."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator

import hytopus
from hytopus.errors import HytopusError
from tools.docs.markdown import cell, code, table

_INTRO = """
Every error has a code that never changes, an HTTP status, a sentence about what happened and, where there is one, what
to do. The API answers with a problem document (RFC 9457, `application/problem+json`) that has all of them; the command
line prints sentence and remedy; instances keep the last one as their `problem`. Words in `{braces}` are filled in.
*Again* marks errors after which the very same call may succeed later (`retryable`).
What to do about the common ones, in more words: [troubleshooting](../guide/troubleshoot.md).
"""
_NOT_IMPORTED = re.compile(r"\.pb\b|\.migrations\b|__main__|\.cache\.fetch$")


def page() -> str:
    rows = (
        (code(error.code), str(error.status), _text(error.template), _text(error.remedy), "yes" if again else "")
        for error, again in sorted(((one, one.retryable) for one in all_errors()), key=lambda one: _key(one[0]))
    )
    return f"# Errors\n{_INTRO}\n{table(('Code', 'Status', 'What happened', 'What to do', 'Again'), rows)}\n"


def all_errors() -> list[type[HytopusError]]:
    """Every error class with a code of its own, in whatever module it is, in a fixed order."""
    for module in pkgutil.walk_packages(hytopus.__path__, "hytopus."):
        if not _NOT_IMPORTED.search(module.name):
            importlib.import_module(module.name)
    found: set[type[HytopusError]] = {HytopusError, *_subclasses(HytopusError)}
    return sorted(filter(_has_own_words, found), key=lambda error: (error.__module__, error.__qualname__))


def by_code() -> dict[str, list[type[HytopusError]]]:
    found: dict[str, list[type[HytopusError]]] = defaultdict(list)
    for error in all_errors():
        found[error.code].append(error)
    return dict(found)


def _subclasses(error: type[HytopusError]) -> Iterator[type[HytopusError]]:
    for one in error.__subclasses__():
        yield one
        yield from _subclasses(one)


def _has_own_words(error: type[HytopusError]) -> bool:
    """Not those that carry somebody else's error."""
    return error.__module__.startswith("hytopus.") and "code" in vars(error) and "template" in vars(error)


def _key(error: type[HytopusError]) -> tuple[str, str]:
    return error.code, error.template


def _text(text: str) -> str:
    return cell(text.replace("{{", "{").replace("}}", "}")).replace("<", "&lt;")
