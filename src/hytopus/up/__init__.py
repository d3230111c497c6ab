"""`hytopus up`: everything on one machine, started, supervised and adopted."""
