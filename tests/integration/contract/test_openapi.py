"""Whatever is sent to the API, it answers as its OpenAPI document says, and never with a 5xx of its own making.

schemathesis makes the requests out of the document, valid ones and broken ones, for every route but the endless ones.
`HYTOPUS_CONTRACT_EXAMPLES` makes it send more of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.services.layers import write_layer
from tests.services.seaweed import S3
from tests.services.stack import Stack

EXAMPLES: Final = int(os.environ.get("HYTOPUS_CONTRACT_EXAMPLES", "12"))
ENDLESS: Final = "/(events|console|follow)$"
"""Live streams: a GET of them never ends."""
OUR_OWN: Final = "/(logout|me/password|me/tokens/{token_id})$"
"""Would end the login that the requests are made with."""
AWAY: Final = frozenset({502, 503, 504})
"""Somebody else is away or slow, and the answer says who: here, nodes that nobody has started."""

CHECKS: Final = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]

pytestmark = [pytest.mark.s3, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stack(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Brain without nodes, with a template and an instance that waits for room."""
    stack = Stack(tmp_path_factory.mktemp("contract"), s3=s3)
    try:
        stack.start_brain()
        stack.log_in()
        layer = write_layer(stack.directory / "base", {"config.json": "{}"}, 'game = "stand-in"\n')
        stack.cli("template", "push", str(layer), "base@1")
        stack.post("instances", {"name": "lobby", "layers": ["base@1"]})
        yield stack
    finally:
        stack.api.close()
        stack.brain.stop()


@pytest.fixture(scope="module")
def described(stack: Stack) -> Any:
    root = str(stack.api.base_url).split("/api/")[0]
    headers = {"Authorization": f"Bearer {stack.token}"}
    document = schemathesis.openapi.from_url(f"{root}/openapi.json", headers=headers)
    return document.exclude(path_regex=ENDLESS).exclude(path_regex=OUR_OWN)


def test_every_route_answers_as_described(described: Any, stack: Stack) -> None:
    with requests.Session() as session:
        session.trust_env = False
        answers = [_problem(found.ok(), stack, session) for found in described.get_all_operations()]
    wrong = [answer for answer in answers if answer]
    assert len(answers) > 50, "the document lacks most of the routes"
    assert not wrong, "\n\n".join(wrong)


def _problem(operation: Any, stack: Stack, session: requests.Session) -> str | None:
    """What is wrong with the answers of one route, by the shortest request that shows it."""

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answers_as_described(case: Case[Any]) -> None:
        _call(case, stack, session)

    try:
        answers_as_described()
    except Exception as error:  # noqa: BLE001 - every route gets its turn, and all are told of
        return f"{operation.label}: {error}"
    return None


def _call(case: Case[Any], stack: Stack, session: requests.Session) -> None:
    response = case.call(headers={"Authorization": f"Bearer {stack.token}"}, timeout=30, session=session)
    if response.status_code in AWAY:
        assert response.json()["code"] not in ("", "internal_error"), response.text
        return
    case.validate_response(response, checks=CHECKS)
