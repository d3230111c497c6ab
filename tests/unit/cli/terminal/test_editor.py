"""Typing at a console while lines come in."""

from __future__ import annotations

from hytopus.cli.terminal.editor import LineEditor


def test_a_line_is_finished_by_return() -> None:
    editor = LineEditor()
    assert editor.feed("say h") == []
    assert editor.feed("i\rwho\r") == ["say hi", "who"]


def test_mistakes_can_be_mended() -> None:
    editor = LineEditor()
    assert editor.feed("stpo\x7f\x7fop\r") == ["stop"]
    assert editor.feed("wrong\x15right\r") == ["right"]
    assert editor.feed("give me stone\x17dirt\r") == ["give me dirt"]


def test_arrows_recall_lines() -> None:
    editor = LineEditor()
    editor.feed("one\rtwo\r")
    assert editor.feed("\x1b[A\x1b[A\r") == ["one"]
    assert editor.feed("\x1b[A\x1b[A\x1b[A\x1b[B\r") == ["two"]


def test_other_keys_are_not_typed() -> None:
    assert LineEditor().feed("a\x1b[5~\x1bOP\x00b\r") == ["ab"]


def test_detaching_keeps_what_came_before_it() -> None:
    for key in ("\x03", "\x04", "\x1d"):
        editor = LineEditor()
        assert editor.feed(f"stop\r{key}never\r") == ["stop"]
        assert editor.detached


def test_output_leaves_the_typed_line_whole() -> None:
    editor = LineEditor()
    editor.feed("say h")
    assert editor.above("a player joined") == "\r\x1b[Ka player joined\r\n> say h"
