"""What a Brain says becomes the name of a file on the machine of whoever asks."""

from __future__ import annotations

import pytest

from hytopus.cli.template.pull import file_name
from hytopus.layers.reference import BadLayerReference


def test_a_version_is_pulled_under_its_own_name() -> None:
    assert file_name({"template_id": "base", "version": "1.0"}) == "base@1.0"


@pytest.mark.parametrize(
    ("template_id", "version"), [("base", "../../x"), ("/etc/x", "1"), ("base", "1/x"), ("..", "1")]
)
def test_a_brain_cannot_say_where_it_goes(template_id: str, version: str) -> None:
    with pytest.raises(BadLayerReference):
        file_name({"template_id": template_id, "version": version})
