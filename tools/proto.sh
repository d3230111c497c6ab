#!/bin/sh
# Generates src/hytopus/wire/pb from proto/. With an argument, into that directory instead (to compare).
set -eu
cd "$(dirname "$0")/.."
out="${1:-src/hytopus/wire/pb}"
bin="${PYTHON_BIN:-.venv/bin}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
PATH="$(cd "$bin" && pwd):$PATH" "$bin/python" -m grpc_tools.protoc -I proto \
    --python_out="$work" --mypy_out="$work" proto/hytopus/wire/v1/*.proto
mkdir -p "$out"
rm -f "$out"/*_pb2.py "$out"/*_pb2.pyi
for file in "$work"/hytopus/wire/v1/*; do
    # protoc names Python modules after proto packages; ours live one folder aside.
    sed 's/hytopus\.wire\.v1 import/hytopus.wire.pb import/; s/import hytopus\.wire\.v1/import hytopus.wire.pb/; s/hytopus\.wire\.v1\.\([a-z]*\)_pb2/hytopus.wire.pb.\1_pb2/g' \
        "$file" > "$out/$(basename "$file")"
done
