"""The games this Brain knows how to run."""
