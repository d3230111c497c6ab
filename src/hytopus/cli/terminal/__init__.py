"""The person at the terminal: what is asked, shown and typed."""
