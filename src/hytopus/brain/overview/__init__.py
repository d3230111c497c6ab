"""The Brain at a glance: counts for the dashboard, health for supervisors, metrics for Prometheus."""
