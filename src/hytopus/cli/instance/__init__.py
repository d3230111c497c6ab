"""`hytopus instance`."""
