"""Chaos against the real thing: everything that can be killed is killed, while servers come and go."""
