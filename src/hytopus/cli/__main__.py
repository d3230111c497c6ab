"""`python -m hytopus.cli`: the same as the command `hytopus`, with exactly this Python."""

from hytopus.cli.app import main

main()
