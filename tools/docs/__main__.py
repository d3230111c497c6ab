"""`python -m tools.docs [--check]`."""

from __future__ import annotations

import sys

from tools.docs.pages import REFERENCE, out_of_date, write_all


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: python -m tools.docs [--check]", file=sys.stderr)
        return 2
    stale = out_of_date()
    if not arguments:
        write_all()
        print("\n".join(f"wrote {REFERENCE / name}" for name in stale) or "Nothing has changed.")
        return 0
    print("\n".join(f"{REFERENCE / name} is out of date" for name in stale) or "The reference is up to date.")
    if stale:
        print("Run `python -m tools.docs` and commit what it writes.")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
