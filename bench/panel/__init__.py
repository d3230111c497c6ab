"""The rows of the panel, measured in a real browser."""
