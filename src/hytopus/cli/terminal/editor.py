"""A line editor that shares the terminal with output: lines that come in never tear the line being typed."""

from __future__ import annotations

import asyncio
import codecs
import os
import stat
import sys
import termios
import tty
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Final

_DETACH: Final = frozenset("\x03\x04\x1d")
"""Ctrl-C, Ctrl-D and Ctrl-]."""
_CLEAR: Final = "\r\x1b[K"


class LineEditor:
    """What is being typed, and the lines typed before."""

    def __init__(self, prompt: str = "> ") -> None:
        self.detached = False
        self._prompt = prompt
        self._typed = ""
        self._history: list[str] = []
        self._position = 0

    def feed(self, text: str) -> list[str]:
        """Take what the keyboard sent; gives the lines that were finished by it."""
        finished = []
        for key in _keys(text):
            if key in _DETACH:
                self.detached = True
                break
            if key in ("\r", "\n"):
                finished.append(self._finish())
            else:
                self._edit(key)
        return finished

    def shown(self) -> str:
        """The prompt and what is being typed, in place of whatever stands on the line."""
        return f"{_CLEAR}{self._prompt}{self._typed}"

    def above(self, line: str) -> str:
        """A line of output, with what is being typed below it again."""
        return f"{_CLEAR}{line}\r\n{self._prompt}{self._typed}"

    def _finish(self) -> str:
        line, self._typed = self._typed, ""
        if line and self._history[-1:] != [line]:
            self._history.append(line)
        self._position = len(self._history)
        return line

    def _edit(self, key: str) -> None:
        if key in ("\x7f", "\x08"):
            self._typed = self._typed[:-1]
        elif key == "\x15":  # Ctrl-U
            self._typed = ""
        elif key == "\x17":  # Ctrl-W
            self._typed = self._typed[: self._typed.rstrip().rfind(" ") + 1]
        elif key in ("\x1b[A", "\x1bOA"):
            self._recall(-1)
        elif key in ("\x1b[B", "\x1bOB"):
            self._recall(1)
        elif key.isprintable():
            self._typed += key

    def _recall(self, step: int) -> None:
        self._position = min(max(self._position + step, 0), len(self._history))
        self._typed = (*self._history, "")[self._position]


@contextmanager
def raw_terminal() -> Iterator[None]:
    """Keys come one by one and are not echoed; the terminal is put back whatever happens."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def typed() -> AsyncGenerator[str, None]:
    """What arrives on standard input, as it arrives; ends with it."""
    descriptor = sys.stdin.fileno()
    if stat.S_ISREG(os.fstat(descriptor).st_mode):  # always readable, so there is nothing to wait for
        yield sys.stdin.read()
        return
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, lambda: arrived.put_nowait(os.read(descriptor, 4096)))
    try:
        while data := await arrived.get():
            yield decoder.decode(data)
    finally:
        loop.remove_reader(descriptor)


def _keys(text: str) -> Iterator[str]:
    """Single keys; the escape sequence of an arrow or function key is one."""
    index = 0
    while index < len(text):
        end = index + 1
        if text[index] == "\x1b" and text[end : end + 1] in ("[", "O"):
            end += 1
            while end < len(text) and not "@" <= text[end] <= "~":
                end += 1
            end += 1
        yield text[index:end]
        index = end
