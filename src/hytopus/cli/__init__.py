"""The command line: a client of the Brain's API, and the way to start a Brain or a Node."""
