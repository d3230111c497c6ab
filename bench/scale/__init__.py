"""The rows of a large fleet: what a thousand nodes with ten thousand instances ask of one Brain, and how that grows."""
