"""Who is a node: the Brain's own certificate authority, join tokens, and the certificates it has signed."""
