"""Generated from `proto/` by `make proto`; never edited. Only `codec.py` imports it."""
