"""Nodes: the machines with a Docker Engine, what they can hold, and whether they are there."""
