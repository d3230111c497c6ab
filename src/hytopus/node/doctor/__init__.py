"""Known problems of a machine as a node, each with its remedy."""
