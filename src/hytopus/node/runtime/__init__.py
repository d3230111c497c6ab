"""The container engine behind one small protocol: `docker/` for real, `fake.py` for tests."""
