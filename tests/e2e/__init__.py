"""Hytopus whole, with real Docker, real S3 and real games."""
