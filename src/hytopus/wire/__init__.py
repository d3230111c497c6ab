"""What Brain and Node say to each other. Protobuf types stop at `codec.py`."""

import os

# gRPC's C core writes every failed handshake to stderr in a form of its own; ours logs them with a remedy.
# It reads this when it is first imported, and every import of it goes through this package.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
