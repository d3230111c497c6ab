"""Crashes of game servers: what is known of each, its bundle in the object store, and which have the same cause."""
