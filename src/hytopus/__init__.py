"""Hytopus: one Brain, many Nodes, game servers built out of layered templates."""

__version__ = "0.1.0"
