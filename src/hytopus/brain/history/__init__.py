"""Thirty days of measurements in the database, so that nobody needs Prometheus to see last week."""
