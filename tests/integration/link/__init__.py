"""Brain and Node over real gRPC with real certificates, on loopback."""
