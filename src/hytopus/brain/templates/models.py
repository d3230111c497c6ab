"""Tables of templates, their versions, uploads under way, and blobs that are to be deleted."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hytopus.brain.db.base import Base
from hytopus.brain.db.types import EnumText
from hytopus.kit.ids import new_id
from hytopus.layers.rules import TemplateRules, TemplateType


@lru_cache(maxsize=256)
def _rules(document: str) -> TemplateRules:
    """Many instances are made of the same versions."""
    return TemplateRules.model_validate_json(document)


class TemplateTag(Base):
    __tablename__ = "template_tags"

    template_id: Mapped[str] = mapped_column(ForeignKey("templates.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)


class Template(Base):
    """A line of versions. Type, description and tags are those of the newest upload until somebody changes them."""

    __tablename__ = "templates"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    type: Mapped[TemplateType] = mapped_column(EnumText(TemplateType), index=True)
    description: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    tag_rows: Mapped[list[TemplateTag]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by=TemplateTag.tag
    )

    @property
    def tags(self) -> list[str]:
        return [row.tag for row in self.tag_rows]

    @tags.setter
    def tags(self, tags: list[str]) -> None:
        kept = {row.tag: row for row in self.tag_rows}
        self.tag_rows = [kept.get(tag) or TemplateTag(tag=tag) for tag in sorted(set(tags))]


class TemplateVersion(Base):
    """One immutable tarball. The row exists only once its blob is whole in the object store."""

    __tablename__ = "template_versions"
    __table_args__ = (
        UniqueConstraint("template_id", "version"),
        Index("ix_template_versions_newest", "template_id", "number"),
    )

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    template_id: Mapped[str] = mapped_column(ForeignKey("templates.id"))
    version: Mapped[str] = mapped_column(String(64))
    number: Mapped[int]
    """Counts the template's versions in the order they were made: the newest has the greatest."""
    checksum: Mapped[str] = mapped_column(String(64))
    """sha256 of the tarball, hex."""
    size: Mapped[int] = mapped_column(BigInteger)
    s3_key: Mapped[str] = mapped_column(String(512))
    format: Mapped[str] = mapped_column(String(8))
    files: Mapped[int]
    rules: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))

    @property
    def name(self) -> str:
        return f"{self.template_id}@{self.version}"

    @property
    def template_rules(self) -> TemplateRules:
        return _rules(json.dumps(self.rules))

    @property
    def type(self) -> TemplateType:
        """The type this version was uploaded with."""
        return self.template_rules.type


class Upload(Base):
    """An upload under way. Its version is nowhere to be seen before it is complete."""

    __tablename__ = "template_uploads"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    template_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(64))
    checksum: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    part_size: Mapped[int] = mapped_column(BigInteger)
    parts: Mapped[int]
    format: Mapped[str] = mapped_column(String(8))
    files: Mapped[int]
    rules: Mapped[dict[str, Any]]
    s3_key: Mapped[str] = mapped_column(String(512), index=True)
    s3_upload_id: Mapped[str]
    created_by: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    """From then on it is over, and the sweeper clears it away."""


class PendingDeletion(Base):
    """A blob that nothing refers to any more. The row is written with the change that let go of it."""

    __tablename__ = "pending_deletions"

    s3_key: Mapped[str] = mapped_column(String(512), primary_key=True)
    since: Mapped[datetime]
    started: Mapped[bool] = mapped_column(default=False)
    """The store may be deleting it this moment: the key cannot be used again before the row is gone."""
