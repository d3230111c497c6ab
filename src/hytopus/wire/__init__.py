"""What Brain and Node say to each other. Protobuf types stop at `codec.py`."""
