"""`hytopus template pack | lint | import-hytale`: work on this machine, without a Brain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.text import Text

from hytopus.cli.extras import needs
from hytopus.cli.terminal.output import plain, print_json, print_table, say, size
from hytopus.layers.lint import Level
from hytopus.layers.lint import lint as find_faults
from hytopus.layers.pack import pack as pack_directory

_STYLES: Final = {Level.ERROR: "bold red", Level.WARNING: "yellow"}


def pack(
    directory: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    json: bool = False,
) -> None:
    """Pack a directory into an archive; the same files always give the same archive.

    Parameters
    ----------
    output
        The archive to write: .tar.zst, .tar.gz or .tar; by default DIRECTORY.tar.zst here.
    json
        Print JSON on standard output, for scripts.
    """
    target = output or Path(f"{directory.resolve().name}.tar.zst")
    packed = pack_directory(directory, target)
    if json:
        print_json(
            {
                "path": str(target),
                "checksum": packed.checksum,
                "size": packed.size,
                "files": packed.files,
                "bytes": packed.bytes,
            }
        )
        return
    say(f"Packed {packed.files} files ({size(packed.bytes)}) into {target} ({size(packed.size)}).")
    say(f"sha256 {packed.checksum}")


def lint(source: Path, /, *, json: bool = False) -> int:
    """Look for mistakes in a template's directory or archive. Exit code 1 where there are errors.

    Parameters
    ----------
    json
        Print JSON on standard output, for scripts.
    """
    findings = find_faults(source)
    if json:
        shown = [
            {"level": each.level, "path": each.path, "message": each.message, "remedy": each.remedy}
            for each in findings
        ]
        print_json(shown)
    else:
        rows = (
            (Text(each.level, style=_STYLES[each.level]), each.path, each.message, each.remedy) for each in findings
        )
        print_table(("LEVEL", "PATH", "FINDING", "REMEDY"), rows, empty="Nothing to find fault with.")
    return 1 if any(each.level == Level.ERROR for each in findings) else 0


def import_hytale(source: Path, target: Path, /) -> None:
    """Make a base template of your own Hytale download, which may not be passed on.

    Parameters
    ----------
    source
        The downloaded archive, or the directory it was unpacked to.
    target
        The template directory to make; push it with `hytopus template push TARGET hytale-base@VERSION`.
    """
    with needs("node", "template import-hytale"):
        from hytopus.games.hytale_import import import_hytale as make

    made = make(source, target)
    say(f"Made {plain(made)}. Next: hytopus template lint {made}")
