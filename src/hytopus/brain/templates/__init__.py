"""Templates: what versions there are, how they get into the object store, and who uses them."""
