"""Packs the built panel into the wheel. Without one, an ordinary build succeeds; its Brain then has no panel.

`HYTOPUS_REQUIRE_PANEL=1` refuses to build a wheel without it: releases set that.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT: Final = Path("panel/.output/public")
PACKED: Final = "hytopus/brain/panel/public"
REQUIRE: Final = "HYTOPUS_REQUIRE_PANEL"


class PanelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for every wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # a checkout's Brain finds what `make panel` builds
        built = Path(self.root) / BUILT
        if (built / "index.html").is_file():
            build_data["force_include"][str(built)] = PACKED
        elif os.environ.get(REQUIRE):
            raise FileNotFoundError(f"There is no panel in {built}, and {REQUIRE} asks for one. Build it: make panel")
        else:
            self.app.display_warning(f"This wheel has no panel: there is none in {built}. Build it: make panel")
