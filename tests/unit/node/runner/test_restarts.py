"""When a server that ended by itself is started again: the pure rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.games.definition import ExitKind
from hytopus.games.restart import RestartChoice, RestartOn, RestartPolicy
from hytopus.node.journal import History
from hytopus.node.runner.restarts import WISHES, Again, Decision, End, GiveUp, Leave, backoff_s, decide

NOW = datetime(2026, 1, 1, tzinfo=UTC)

NOTHING = History()

policies = st.builds(
    RestartPolicy,
    on=st.sampled_from(RestartOn),
    attempts=st.integers(1, 10),
    interval=st.floats(1, 3600),
    backoff_min=st.floats(0, 60),
    backoff_max=st.floats(60, 3600),
    clear_after=st.floats(1, 3600),
)
chances = st.floats(0, 1)


def ends(at: datetime = NOW) -> st.SearchStrategy[End]:
    return st.builds(
        End,
        kind=st.sampled_from([*ExitKind, None]),
        failed=st.booleans(),
        at=st.just(at),
        ran_s=st.floats(0, 7200),
        unwatched=st.booleans(),
    )


def crash(seconds: float = 0, **changes: object) -> End:
    given_ = {"kind": ExitKind.CRASH, "failed": True, "at": NOW + timedelta(seconds=seconds)}
    return End(**(given_ | changes))  # type: ignore[arg-type]


def clean(**changes: object) -> End:
    return crash(**({"kind": ExitKind.CLEAN, "failed": False} | changes))  # type: ignore[arg-type]


def judged(policy: RestartPolicy, end: End, history: History = NOTHING, *, autostart: bool = False) -> Decision:
    return decide(policy, history, end, autostart=autostart, chance=0.5)


@given(policies, st.integers(0, 2000), chances)
def test_the_wait_keeps_its_bounds(policy: RestartPolicy, count: int, chance: float) -> None:
    assert policy.backoff_min <= backoff_s(policy, count, chance) <= policy.backoff_max


@given(policies, st.integers(0, 100), chances)
def test_the_wait_never_shrinks_with_more_attempts(policy: RestartPolicy, count: int, chance: float) -> None:
    assert backoff_s(policy, count, chance) <= backoff_s(policy, count + 1, chance)


def test_the_wait_doubles() -> None:
    policy = RestartPolicy(backoff_min=5, backoff_max=300)
    assert [backoff_s(policy, count, 0.5) for count in range(8)] == [5, 10, 20, 40, 80, 160, 300, 300]


@given(policies, ends(), chances)
def test_never_never_waits_for_a_new_attempt_after_a_crash(policy: RestartPolicy, end: End, chance: float) -> None:
    never = policy.model_copy(update={"on": RestartOn.NEVER})
    decision = decide(never, History(), end, autostart=False, chance=chance)
    assert isinstance(decision, Leave) or end.kind is ExitKind.RESTART


@given(policies, st.lists(st.tuples(st.floats(0, 400), st.floats(0, 3600)), max_size=30), chances)
def test_no_more_attempts_within_the_interval_than_allowed(
    policy: RestartPolicy, lives: list[tuple[float, float]], chance: float
) -> None:
    """Whatever the times between crashes: a server that never recovers is started again so often, then left alone."""
    history, now, begun = History(), NOW, []
    for lived, ready in lives:
        now += timedelta(seconds=lived)
        end = crash(at=now, ran_s=min(ready, lived, policy.clear_after * 0.99))
        decision = decide(policy, history, end, autostart=False, chance=chance)
        if not isinstance(decision, Again):
            break
        history, now = decision.history, now + timedelta(seconds=decision.after_s)
        begun.append(end.at)
    for first in begun:
        within = [at for at in begun if first <= at < first + timedelta(seconds=policy.interval)]
        assert len(within) <= policy.attempts


@given(policies, ends(), chances, st.booleans())
def test_a_fault_of_configuration_is_never_tried_again(
    policy: RestartPolicy, end: End, chance: float, autostart: bool
) -> None:
    fault = crash(kind=ExitKind.CONFIGURATION, ran_s=end.ran_s, unwatched=end.unwatched)
    assert isinstance(decide(policy, History(), fault, autostart=autostart, chance=chance), Leave)


@given(policies, chances)
def test_who_asks_for_a_restart_gets_it_at_once_and_uncounted(policy: RestartPolicy, chance: float) -> None:
    decision = decide(policy, History(), clean(kind=ExitKind.RESTART), autostart=False, chance=chance)
    assert isinstance(decision, Again)
    assert (decision.after_s, decision.history.failures) == (0, ())


def test_asking_for_a_restart_at_every_boot_ends() -> None:
    history = History()
    for _ in range(WISHES):
        decision = judged(RestartPolicy(), clean(kind=ExitKind.RESTART), history)
        assert isinstance(decision, Again)
        history = decision.history
    assert judged(RestartPolicy(), clean(kind=ExitKind.RESTART), history) == GiveUp(WISHES, 600)


@pytest.mark.parametrize(("on", "again"), [("never", False), ("on-failure", False), ("always", True)])
def test_a_clean_end_follows_the_policy(on: str, again: bool) -> None:
    assert isinstance(judged(RestartPolicy(on=RestartOn(on)), clean()), Again) is again


def test_a_long_life_clears_the_counter() -> None:
    spent = History(failures=(NOW, NOW, NOW))
    assert judged(RestartPolicy(), crash(60, ran_s=30), spent) == GiveUp(3, 600)
    decision = judged(RestartPolicy(clear_after=30), crash(60, ran_s=30), spent)
    assert isinstance(decision, Again)
    assert len(decision.history.failures) == 1


@pytest.mark.parametrize("end", [crash(unwatched=True), clean(unwatched=True)])
def test_what_ended_with_its_machine_comes_back_with_it_if_it_starts_by_itself(end: End) -> None:
    decision = judged(RestartPolicy(on=RestartOn.NEVER), end, autostart=True)
    assert isinstance(decision, Again)
    assert decision.after_s == 0
    assert isinstance(judged(RestartPolicy(on=RestartOn.ALWAYS), end, autostart=False), Leave)


def test_an_instance_changes_what_it_wants_otherwise() -> None:
    policy = RestartPolicy().changed(RestartChoice(on=RestartOn.ALWAYS, attempts=9))
    assert (policy.on, policy.attempts, policy.interval) == (RestartOn.ALWAYS, 9, 600)
    assert RestartPolicy().changed(None) == RestartPolicy()
    with pytest.raises(ValueError, match="backoff_min is greater"):
        RestartPolicy().changed(RestartChoice(backoff_min=600))
