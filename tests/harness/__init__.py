"""What the tests of the Brain stand on: databases, a clock that is moved by hand, rows, and whole clusters."""
