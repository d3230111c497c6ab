"""What looks like a secret does not reach the audit log."""

from __future__ import annotations

import pytest

from hytopus.brain.activity.redact import MASK, Redaction


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("/login hunter2", f"/login {MASK}"),
        ("login hunter2 hunter2", f"login {MASK}"),
        ("/register secret secret", f"/register {MASK}"),
        ("/changepassword old new", f"/changepassword {MASK}"),
        ("authme password ann hunter2", f"authme password {MASK}"),
        ("/setpassword ann hunter2", f"/setpassword {MASK}"),
        ("rcon set password=hunter2 port=1", f"rcon set password={MASK} port=1"),
        ('config {"api_key": "abc", "x": 1}', f'config {{"api_key": {MASK}, "x": 1}}'),
        ("db connect --password hunter2 --host x", f"db connect --password {MASK} --host x"),
        ("fetch Authorization: Bearer abc.def", f"fetch Authorization: Bearer {MASK}"),
        ("TOKEN: 'a b'", f"TOKEN: {MASK}"),
        ("say the password is easy", "say the password is easy"),
        ("op ann", "op ann"),
        ("stop", "stop"),
        ("say pinned to the map", "say pinned to the map"),
        ("/loginmessage hello", "/loginmessage hello"),
    ],
)
def test_secrets_are_masked_and_nothing_else(line: str, kept: str) -> None:
    assert Redaction().line(line) == kept


def test_an_operators_own_patterns() -> None:
    redaction = Redaction([r"voucher (?P<secret>\w+)", r"\d{4}-\d{4}"])
    assert redaction.line("give voucher ABC to ann") == f"give voucher {MASK} to ann"
    assert redaction.line("card 1234-5678") == f"card {MASK}"
