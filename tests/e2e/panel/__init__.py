"""The panel in a real browser, served by a real Brain with a real node."""
