"""What happened: the event log for everybody, the audit log for changes somebody made, and the live feed."""
