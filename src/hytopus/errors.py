"""The root of every error a person can meet.

One class is one problem: a stable `code`, an HTTP status, and a sentence with named parameters that says what
happened and what to do. Features declare their own subclasses beside the code that raises them.
"""

from __future__ import annotations

from typing import Any, ClassVar


class HytopusError(Exception):
    """A problem with a name, a cause and a remedy.

    `template` is formatted with the keyword parameters; `code` never changes once released, because the panel
    translates by it and scripts match on it. `retryable` says whether the same call may succeed later unchanged.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    template: ClassVar[str] = "Something went wrong inside Hytopus. The log has the details."
    remedy: ClassVar[str] = ""
    retryable: ClassVar[bool] = False

    def __init__(self, **params: Any) -> None:
        self.params = params
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """What happened, for a person."""
        return self.template.format(**self.params)

    @property
    def advice(self) -> str:
        """What to do about it; empty where the message already says it."""
        return self.remedy.format(**self.params)

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()

    def as_dict(self) -> dict[str, Any]:
        """The error as it travels in reports and problem documents."""
        return {"code": self.code, "message": self.message, "remedy": self.advice, "params": self.params}
