"""The real engine keeps what every runtime promises."""

from __future__ import annotations

import pytest

from tests.unit.node.runtime.contract import RuntimeContract

pytestmark = pytest.mark.docker


class TestContract(RuntimeContract):
    pass
