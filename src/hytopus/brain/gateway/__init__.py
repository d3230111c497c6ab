"""The Brain's end of every node's link: sessions, what is asked of nodes, and the console and log streams."""
