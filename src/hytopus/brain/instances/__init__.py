"""Instances: game servers, from the request to the destruction."""
