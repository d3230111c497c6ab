"""The object store against a real S3."""
