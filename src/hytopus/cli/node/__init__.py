"""`hytopus node`."""
