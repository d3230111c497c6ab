"""The rows of the whole system: starting containers, creating instances, and what the agent costs."""
