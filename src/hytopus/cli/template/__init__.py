"""`hytopus template`."""
