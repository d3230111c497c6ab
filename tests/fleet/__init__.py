"""A fleet of any size in one process: real links over gRPC, each with a certificate of its own, and no container.

Used by `bench/scale` and by the storm test. `seeding.py` writes nodes and what runs on them into the database,
`__main__.py` is the process in which they live.
"""
