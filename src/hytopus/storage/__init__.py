"""The object store: any S3, seen from the Brain."""
