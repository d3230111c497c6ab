"""Generates `docs/reference` out of the code: `python -m tools.docs` writes it, `--check` compares."""
