"""Which node an instance gets, and why it has none."""
