"""Writes the OpenAPI document from which `npm run api` generates the client: `openapi.py > openapi.json`."""

from __future__ import annotations

import json
import sys

from fastapi import FastAPI

from hytopus.brain.features import API
from hytopus.brain.http.routing import PREFIX


def document() -> str:
    app = FastAPI(title="Hytopus", version="v1")
    for router in API:
        app.include_router(router, prefix=PREFIX)
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
