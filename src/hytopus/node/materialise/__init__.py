"""From cached layers to the directory a game server runs in: overlay, reflink or copy, all with the same result."""
