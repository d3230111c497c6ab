"""What is kept of a crash on its node until the Brain has it: bundles, a queue on disk, uploads."""
