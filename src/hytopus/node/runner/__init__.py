"""One instance's life on this node: from layers to a running server, and back to nothing."""
