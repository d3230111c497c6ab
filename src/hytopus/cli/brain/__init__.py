"""`hytopus brain`."""
