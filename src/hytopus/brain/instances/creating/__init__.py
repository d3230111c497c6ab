"""Creating instances: what was asked for becomes locked layers, variables and ports, or is refused."""
