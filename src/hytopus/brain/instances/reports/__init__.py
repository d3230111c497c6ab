"""What nodes say about instances, and what the Brain makes of it."""
