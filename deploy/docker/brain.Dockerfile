# The Brain, with the panel that `make panel` has built. Build from the repository's root:
# docker build -f deploy/docker/brain.Dockerfile -t hytopus/brain .
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/brain.txt requirements/
RUN python -m venv /opt/hytopus && /opt/hytopus/bin/pip install --no-cache-dir --require-hashes -r requirements/brain.txt
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY panel panel
COPY src src
COPY games games
RUN /opt/hytopus/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
# The data directory is there and belongs to the user before a volume is laid over it.
RUN useradd --system --uid 980 --home-dir /var/lib/hytopus --create-home hytopus \
    && install -d -m 0700 -o hytopus -g hytopus /var/lib/hytopus/brain
COPY --from=build /opt/hytopus /opt/hytopus
USER hytopus
ENV PATH=/opt/hytopus/bin:$PATH
EXPOSE 8420 8421 8422
VOLUME /var/lib/hytopus/brain
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import ssl, urllib.request as u\ntry: u.urlopen('http://127.0.0.1:8420/readyz', timeout=2)\nexcept Exception: u.urlopen('https://127.0.0.1:8420/readyz', timeout=2, context=ssl._create_unverified_context())"]
ENTRYPOINT ["hytopus", "brain", "run"]
