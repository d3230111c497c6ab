"""What Brain and Node say to each other. Protobuf types stop at `codec.py`."""

import os

# gRPC reads these when it is first imported, and every import of it goes through this package.
# Its C core writes every failed handshake to stderr in a form of its own; ours logs them with a remedy.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# Its handlers may abort a child between fork and exec, so that a download ends before it begins; we only ever exec.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
