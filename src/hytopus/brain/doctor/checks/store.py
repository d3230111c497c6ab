"""The object store: reachable, quick, and closed to strangers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

SUBJECT: Final = "the object store"
SLOW_S: Final = 2.0


def check(facts: Facts) -> Iterator[Finding]:
    store = facts.store
    if store.error:
        yield Finding(
            "store_unreachable",
            Severity.ERROR,
            SUBJECT,
            "It cannot be used: new instances cannot be prepared.",
            store.error,
            "Look at the store, the network to it and storage.url; what runs already goes on.",
            params={"why": store.error},
        )
    elif store.answer_s > SLOW_S:
        yield Finding(
            "store_slow",
            Severity.WARNING,
            SUBJECT,
            "It answers slowly.",
            f"A question without an answer worth mentioning took {store.answer_s:.1f} s.",
            "Look at the store's load and the network to it.",
            params={"seconds": round(store.answer_s, 1)},
        )
    if store.public:
        yield Finding(
            "store_public",
            Severity.ERROR,
            SUBJECT,
            "Anybody can read the templates without keys.",
            "A template was answered to a request without a signature.",
            "Take away public access: the bucket's policy and its access control lists.",
        )
    if store.lists_buckets:
        yield Finding(
            "store_keys_too_wide",
            Severity.WARNING,
            SUBJECT,
            "The Brain's keys can do more than they need.",
            "They may list all buckets.",
            "Give the Brain keys of their own with the policy in deploy/s3-policy.json.",
        )
