"""Manifests survive the disk, and variables find their values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.layers.errors import VariablesMissing
from hytopus.layers.manifest import BadManifest, Entry, Manifest
from hytopus.layers.rules import TemplateRules
from hytopus.layers.variables import resolve

_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=20)
_NAMES = st.lists(st.from_regex(r"[A-Z][A-Z0-9_]{0,5}", fullmatch=True), max_size=3).map(tuple)
_MODES = st.integers(0, 0o777)
_ENTRIES = st.one_of(
    st.tuples(st.just("f"), _MODES, st.integers(0, 2**50), st.just(""), st.none() | _NAMES).map(Entry._make),
    _MODES.map(lambda mode: Entry("d", mode)),
    _TEXT.map(lambda target: Entry("l", 0o777, 0, target)),
)


@given(st.dictionaries(_TEXT, _ENTRIES), st.text())
def test_a_manifest_is_read_back_as_it_was_in_its_order(entries: dict[str, Entry], rules_text: str) -> None:
    manifest = Manifest(entries, rules_text)
    assert Manifest.load(manifest.dump()) == manifest
    assert list(Manifest.load(manifest.dump()).entries) == list(entries)


def test_half_a_manifest_is_noticed() -> None:
    data = Manifest({"a": Entry("f", 0o644, 1), "b": Entry("f", 0o644, 2)}).dump()
    for size in range(len(data) - 1):
        with pytest.raises(BadManifest):
            Manifest.load(data[:size])


def test_only_files_count_for_number_and_size() -> None:
    manifest = Manifest({"d": Entry("d", 0o755), "d/a": Entry("f", 0o644, 5), "b": Entry("f", 0o644, 7)})
    assert (manifest.files, manifest.size) == (2, 12)


def rules(text: str) -> TemplateRules:
    return TemplateRules.parse(text)


def test_given_values_come_before_defaults_and_later_layers_before_earlier() -> None:
    layers = [
        rules('[variables]\nA.default = "1"\nB.default = "1"\nC.default = "1"'),
        rules('[variables]\nB.default = "2"'),
    ]
    assert resolve(layers, {"C": "3", "PORT": "1"}).values == {"A": "1", "B": "2", "C": "3", "PORT": "1"}


def test_required_ones_are_all_named() -> None:
    with pytest.raises(VariablesMissing) as caught:
        resolve([rules("[variables]\nB.required = true\nA.required = true\nC.required = true")], {"C": ""})
    assert caught.value.params["names"] == "A, B"


def test_a_secret_stays_one() -> None:
    layers = [rules("[variables]\nA.secret = true\nB.secret = true"), rules('[variables]\nA.default = "x"')]
    assert resolve(layers, {}).secrets == {"A", "B"}
