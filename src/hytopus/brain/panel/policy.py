"""What the panel's page may do in a browser, should something ever get into it that does not belong there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

PERMISSIONS: Final = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")
)


def content_security_policy(scripts: Sequence[str], connect: Iterable[str]) -> str:
    """`scripts`: hashes of the page's own inline scripts. `connect`: origins beside the Brain's, where uploads go."""
    return "; ".join(
        f"{directive} {' '.join(sources)}"
        for directive, sources in {
            "default-src": ["'none'"],
            # Checksums are computed in WebAssembly, which is no script: nothing can be evaluated.
            "script-src": ["'self'", "'wasm-unsafe-eval'", *scripts],
            # The theme's colours and the terminal's are style elements that are made at run time.
            "style-src": ["'self'", "'unsafe-inline'"],
            "img-src": ["'self'", "data:"],
            "font-src": ["'self'"],
            "connect-src": ["'self'", *connect],
            "worker-src": ["'self'"],
            "base-uri": ["'none'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
        }.items()
    )
