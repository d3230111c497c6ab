"""Measurements: every row is a ratio against a baseline that ran beside it."""
