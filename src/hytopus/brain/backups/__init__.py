"""The Brain's own backup: what it knows, copied to the object store while it works, and brought back from there."""
