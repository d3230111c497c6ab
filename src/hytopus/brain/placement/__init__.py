"""Where an instance goes: pure decisions on a snapshot, without I/O."""
