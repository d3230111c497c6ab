"""The reconcile engine: keys in, one piece of work at a time for each, again until there is nothing left to do."""
