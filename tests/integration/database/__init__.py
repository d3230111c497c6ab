"""The database layer itself, on both databases."""
