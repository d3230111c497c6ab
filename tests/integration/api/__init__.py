"""The API over a real socket, on both databases."""
