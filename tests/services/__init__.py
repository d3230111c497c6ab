"""The real services tests run against: a Docker Engine, SeaweedFS, PostgreSQL."""
