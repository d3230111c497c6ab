"""`hytopus instance logs` and `console`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated, Final

from cyclopts import Parameter

from hytopus.cli.connection.client import Api, Json, at
from hytopus.cli.connection.live import follow_lines
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.failure import ApiProblem, BrainUnreachable
from hytopus.cli.terminal.editor import LineEditor, raw_terminal, typed
from hytopus.cli.terminal.output import clock_time, note, print_json_line
from hytopus.cli.terminal.sanitise import sanitise_line

_ANSWER_SECONDS: Final = 1.0
"""How long to wait for the server's answer to the last line of a script, after each line it prints."""


async def logs(
    name: str,
    /,
    *,
    follow: Annotated[bool, Parameter(name=("--follow", "-f"))] = False,
    tail: Annotated[int, Parameter(name=("--tail", "-n"))] = 200,
    times: Annotated[bool, Parameter(name=("--times", "-t"))] = False,
    options: Options = DEFAULTS,
) -> None:
    """Show what the server printed.

    Parameters
    ----------
    follow
        Stay and show new lines as they come.
    tail
        How many past lines.
    times
        Begin each line with its time.
    """
    async with connect(options) as api:
        if not follow:
            for line in (await api.get(at("instances", name, "logs"), tail=tail))["lines"]:
                _show(line, times=times, options=options)
            return
        async for line in follow_lines(api, name, "logs/follow", tail=tail):
            _show(line, times=times, options=options)


async def console(
    name: str,
    /,
    *,
    send: tuple[str, ...] = (),
    tail: Annotated[int, Parameter(name=("--tail", "-n"))] = 20,
    options: Options = DEFAULTS,
) -> None:
    """Attach to a server's console: see what it prints, type commands. Ctrl-] or Ctrl-C detaches; the server goes on.

    Parameters
    ----------
    send
        Send this line and leave; may be repeated.
    tail
        How many past lines to show first.
    """
    async with connect(options) as api:
        instance = await api.get(at("instances", name))
        if send:
            for line in send:
                await _send(api, instance["id"], line)
        elif sys.stdin.isatty() and sys.stdout.isatty():
            await _attach(api, instance, tail)
        else:
            await _pipe(api, instance, tail, options)


async def _attach(api: Api, instance: Json, tail: int) -> None:
    """Both directions at a terminal, until somebody detaches or the server has ended."""
    note(f"Attached to {sanitise_line(instance['name'])}. Ctrl-] detaches; the server goes on.")
    editor = LineEditor()
    with raw_terminal():
        output = asyncio.create_task(_show_above(api, instance["id"], editor, tail))
        keyboard = asyncio.create_task(_type(api, instance["id"], editor))
        await _first_of(output, keyboard)
    note("Detached." if editor.detached else "The server has ended.")


async def _show_above(api: Api, instance_id: str, editor: LineEditor, tail: int) -> None:
    _write(editor.shown())
    async for line in follow_lines(api, instance_id, "console", tail=tail):
        _write(editor.above(sanitise_line(line["text"], colours=True)))


async def _type(api: Api, instance_id: str, editor: LineEditor) -> None:
    async with aclosing(typed()) as keys:
        async for text in keys:
            for line in editor.feed(text):
                if trouble := await send_or_tell(api, instance_id, line):
                    _write(editor.above(trouble))
            _write(editor.shown())
            if editor.detached:
                return


async def _pipe(api: Api, instance: Json, tail: int, options: Options) -> None:
    """Without a terminal: lines of standard input go to the server, and its lines to standard output."""
    lines = follow_lines(api, instance["id"], "console", tail=tail)
    printed = asyncio.Event()
    output = asyncio.create_task(_print_all(lines, printed, options))
    sending = asyncio.create_task(_send_all(api, instance["id"], printed))
    await _first_of(output, sending)


async def _print_all(lines: AsyncIterator[Json], printed: asyncio.Event, options: Options) -> None:
    async for line in lines:
        _show(line, times=False, options=options)
        printed.set()


async def _send_all(api: Api, instance_id: str, printed: asyncio.Event) -> None:
    rest = ""
    async with aclosing(typed()) as texts:
        async for text in texts:
            *whole, rest = (rest + text).split("\n")
            for line in whole:
                await _send(api, instance_id, line)
    if rest:
        await _send(api, instance_id, rest)
    with suppress(TimeoutError):  # the answers to what was sent last
        while True:
            printed.clear()
            await asyncio.wait_for(printed.wait(), _ANSWER_SECONDS)


async def _first_of(*tasks: asyncio.Task[None]) -> None:
    """Until one ends; the others are cancelled, and what went wrong in the first is raised."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _send(api: Api, instance_id: str, line: str) -> None:
    await api.post(at("instances", instance_id, "console"), {"line": line})


async def send_or_tell(api: Api, instance_id: str, line: str) -> str:
    """Send it; what went wrong if it may work later. The lines of the server are waited for meanwhile, too."""
    try:
        await _send(api, instance_id, line)
    except (BrainUnreachable, ApiProblem) as error:
        if not error.retryable:
            raise
        return f"Perhaps not sent: {sanitise_line(line)} ({sanitise_line(error.message)})"
    return ""


def _show(line: Json, *, times: bool, options: Options) -> None:
    if options.json:
        print_json_line(line)
        return
    stamp = f"{clock_time(line['at'])}  " if times else ""
    print(stamp + sanitise_line(line["text"], colours=sys.stdout.isatty()), flush=True)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
