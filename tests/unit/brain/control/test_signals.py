"""Who hears which signal."""

from __future__ import annotations

from hytopus.brain.db.signals import Signals


def test_whoever_listens_for_a_key_hears_of_it_and_of_what_may_concern_everybody() -> None:
    signals = Signals()
    with signals.subscribe("node") as every, signals.subscribe("node", key="a") as mine:
        for value in ("a", "b", None):
            signals.publish("node", value)
        assert every.drain() == ["a", "b", None]
        assert mine.drain() == ["a", None]


def test_nobody_is_kept_who_has_left() -> None:
    signals = Signals()
    with signals.subscribe("node", key="a") as left:
        pass
    signals.publish("node", "a")
    signals.publish("node")
    assert not left.drain()
