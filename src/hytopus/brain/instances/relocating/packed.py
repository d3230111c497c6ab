"""What a node says of the world it packs and uploads (`node.worlds`), as the Brain takes it.

Parts of it become keys in the object store and rows in the database.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from hytopus.brain.http.parameters import LARGEST
from hytopus.brain.instances.schemas import ProblemOut

_MOST_PARTS: Final = 10_000
"""S3 takes no more of one upload."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Number = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}$")]
_Etag = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]


class Packed(BaseModel):
    """How far it is."""

    state: Literal["packing", "packed", "failed"]
    progress: Annotated[float, Field(ge=0, le=1)]
    checksum: Sha256 | None = None
    size: Annotated[int, Field(ge=0, le=LARGEST)] = 0
    parts: Annotated[list[Sha256], Field(max_length=_MOST_PARTS)] = []
    etags: Annotated[dict[_Number, _Etag], Field(max_length=_MOST_PARTS)] = {}
    problem: ProblemOut | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.state == "packed" and (self.checksum is None or not self.parts):
            raise ValueError("a packed world has a checksum and parts")
        if self.state == "failed" and self.problem is None:
            raise ValueError("what failed has a problem")
        return self

    def tags_of(self, parts: int) -> list[str] | None:
        """What the object store said to each part, in order; None while some are not uploaded."""
        tags = [self.etags.get(str(number)) for number in range(1, parts + 1)]
        return [tag for tag in tags if tag is not None] if all(tags) else None
