"""`hytopus completion`: commands and options at the press of Tab."""

from __future__ import annotations

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script that completes commands and options in a shell; the guide says where it goes.

    Parameters
    ----------
    shell
        Which shell it is for.
    """
    from hytopus.cli.app import build

    print(build().generate_completion(shell=shell))
