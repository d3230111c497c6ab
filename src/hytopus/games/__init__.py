"""Games: how to run one kind of server. One `game.toml` per game; see `definition.py`."""
