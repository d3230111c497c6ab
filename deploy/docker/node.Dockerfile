# The Node agent. It needs Docker's socket and the data directory under the same path inside and outside, because Docker
# mounts the layers by those paths. Build from the repository's root:
# docker build -f deploy/docker/node.Dockerfile -t hytopus/node .
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/node.txt requirements/
RUN python -m venv /opt/hytopus && /opt/hytopus/bin/pip install --no-cache-dir --require-hashes -r requirements/node.txt
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY src src
COPY games games
RUN /opt/hytopus/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
# For the fence around the game servers.
RUN apt-get update && apt-get install -y --no-install-recommends iptables && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/hytopus /opt/hytopus
ENV PATH=/opt/hytopus/bin:$PATH
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["hytopus", "node", "status"]
ENTRYPOINT ["hytopus", "node", "run"]
