"""Asking the person at the terminal."""

from __future__ import annotations

import getpass
import sys

from hytopus.cli.failure import Usage
from hytopus.cli.terminal.output import plain


def confirm(question: str, *, yes: bool) -> None:
    """Go on only after a "y". Scripts, which nobody watches, must say `--yes`."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Usage(why=f"{plain(question)} Say --yes to do it without being asked")
    if input(f"{plain(question)} [y/N] ").strip().lower() not in ("y", "yes", "j", "ja"):
        raise KeyboardInterrupt


def ask(question: str, default: str = "") -> str:
    """A line of text."""
    if not sys.stdin.isatty():
        raise Usage(why=f"{question} is missing")
    return input(f"{question}{f' [{default}]' if default else ''}: ").strip() or default


def password(question: str, *, from_stdin: bool, repeat: bool = False) -> str:
    """A password that never shows, from standard input where a script gives it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise Usage(why="No terminal to ask for the password; use --password-stdin")
    given = getpass.getpass(f"{question}: ")
    if repeat and getpass.getpass("The same again: ") != given:
        raise Usage(why="The two passwords are not the same")
    return given
