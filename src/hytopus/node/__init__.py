"""The Node: an agent beside a Docker Engine that builds, runs and watches instances."""
