"""Instances that leave their node: asked to, drained away, or carried with their world."""
