"""Which values of secret variables are masked."""

from __future__ import annotations

import pytest

from hytopus.layers.rules import TemplateRules, Variable
from hytopus.layers.variables import is_secret, resolve


@pytest.mark.parametrize("default", [None, "", "none", "other-than-given"])
def test_what_somebody_gave_is_secret_however_it_looks(default: str | None) -> None:
    assert is_secret("pass", default)


@pytest.mark.parametrize("public", ["", "none", "changeme", "disabled", "x1y2z3"])
def test_a_default_that_is_a_word_hides_nothing(public: str) -> None:
    assert not is_secret(public, public)


def test_a_default_that_could_be_a_secret_is_treated_as_one() -> None:
    assert is_secret("tok-9f86d081", "tok-9f86d081")


def test_the_node_masks_what_was_given_and_not_the_word_a_template_begins_with() -> None:
    layer = TemplateRules(variables={"TOKEN": Variable(default="none", secret=True)})
    assert resolve([layer], {}).secrets == frozenset()
    assert resolve([layer], {"TOKEN": "none"}).secrets == frozenset()
    assert resolve([layer], {"TOKEN": "hunter22"}).secrets == {"TOKEN"}
