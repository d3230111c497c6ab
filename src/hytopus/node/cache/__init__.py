"""The node's template cache: tarballs fetched from S3, verified, unpacked once and shared by every instance."""
