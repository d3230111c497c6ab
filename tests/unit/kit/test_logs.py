"""Logs say what happened, and nothing that a terminal obeys."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from hytopus.kit.logs import configure_logging, get_logger
from hytopus.kit.requests import forget_request, is_request_id, of_request, request_id

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202eback\nINFO forged line"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The logging of other tests."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**before)


@pytest.mark.parametrize("json", [True, False])
def test_whatever_somebody_sent_obeys_nobody(capsys: pytest.CaptureFixture[str], *, json: bool) -> None:
    configure_logging(json=json)
    logging.getLogger("a.library").warning("it said %s", HOSTILE)
    get_logger("hytopus.test").info("ours", cause=HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        get_logger("hytopus.test").exception("failed")
    told = capsys.readouterr().err
    assert not [character for character in told if character != "\n" and not character.isprintable()]
    assert not [line for line in told.splitlines() if line.startswith("INFO forged")]
    assert told.count("forged line") >= 3


def test_a_message_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=False)
    logging.getLogger("a.library").warning("first\nsecond")
    assert capsys.readouterr().err.count("\n") == 1


def test_work_goes_back_to_its_request_until_it_is_forgotten() -> None:
    with of_request("click-1"):
        assert request_id() == "click-1"
        with of_request(""):
            assert request_id() == "click-1"
        forget_request()
        assert request_id() == ""
    assert request_id() == ""


@pytest.mark.parametrize("given", ["a b", "x" * 65, "a\nb", '"', "\u00e4", ""])
def test_what_is_no_id_is_not_taken_from_anybody(given: str) -> None:
    assert not is_request_id(given)
    with of_request(given):
        assert request_id() == ""
