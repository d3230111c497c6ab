"""Layers as game servers have them, made from a seed: the same files every time.

Nine tenths are small texts of about 8 KB, the rest medium and large; half of all bytes are random, half are text.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SMALL: Final = 8 << 10
MEDIUM: Final = 512 << 10
LARGE: Final = 9 << 20
_POOL: Final = 64 << 20
_WORDS: Final = (b"spawn", b"world", b"chunk", b"biome", b"level", b"player", b"guild", b"quest", b"torch", b"stone")


@dataclass(frozen=True)
class Pools:
    """Bytes to cut files from."""

    noise: bytes
    text: bytes

    @classmethod
    def make(cls, seed: int = 1) -> Pools:
        source = random.Random(seed)
        words = b"\n".join(
            b"%s.%s = %d" % (source.choice(_WORDS), source.choice(_WORDS), source.randrange(100))
            for _ in range(500_000)
        )
        return cls(source.randbytes(_POOL), words)

    def cut(self, source: random.Random, size: int, *, text: bool) -> bytes:
        pool = self.text if text else self.noise
        start = source.randrange(len(pool) - 1)
        data = pool[start : start + size]
        while len(data) < size:
            data += pool[: size - len(data)]
        return data


def make_layers(root: Path, files: int, layers: int, pools: Pools, *, placeholders: int) -> list[Path]:
    """`files` files spread over the layers, 3 % of them overridden by a later one; so many hold placeholders."""
    source = random.Random(files)
    folders = [root / f"layer{index}" for index in range(layers)]
    for index in range(files):
        layer, path = index % layers, f"mods/pack{index // 250:03}/part{index // 50 % 5}/file{index:05}.json"
        data = _content(source, pools, index)
        if index % (files // placeholders) == 7:
            data = b"port = ${PORT}\nname = ${SERVER_NAME:-nobody}\n" + pools.cut(source, SMALL, text=True)
        _write(folders[layer] / path, data)
        if index % 33 == 0 and layer + 1 < layers:
            _write(folders[layer + 1] / path, data[::-1])
    return folders


def make_small(root: Path, files: int, pools: Pools) -> Path:
    """One layer of small files only, about 5 KB each."""
    source = random.Random(files)
    for index in range(files):
        data = pools.cut(source, source.randrange(100, 10_000), text=index % 2 == 0)
        _write(root / f"assets/pack{index // 1000:03}/set{index // 100 % 10}/item{index:05}.json", data)
    return root


def _content(source: random.Random, pools: Pools, index: int) -> bytes:
    if index % 200 == 0:
        return pools.cut(source, LARGE, text=index % 400 == 0)
    if index % 200 < 20:
        return pools.cut(source, source.randrange(MEDIUM // 2, MEDIUM * 3 // 2), text=index % 2 == 0)
    return pools.cut(source, source.randrange(SMALL // 2, SMALL * 3 // 2), text=True)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
