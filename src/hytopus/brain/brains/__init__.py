"""The Brains that run side by side over one database: who is there, and which of them has which lease."""
