"""Everything that proves Hytopus works."""
