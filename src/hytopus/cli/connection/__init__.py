"""Reaching a Brain: which one, as whom, trusted how, over which line."""
