"""Domain-free tools. Imports nothing else of Hytopus."""
