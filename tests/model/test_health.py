"""What the results of a registration's checks add up to."""

from __future__ import annotations

from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as some

from lbtwist.model.health import CheckResult, Health, HealthRecord, Thresholds, Verdict

PASS = CheckResult(True, "status 200", 0.1)
FAIL = CheckResult(False, "refused", 0.1)
OWN = CheckResult(False, "no local port left", 0.1, own_fault=True)
DRAIN = CheckResult(False, "status 503, asks to be drained", 0.1, drain_requested=True)
SETTINGS = None
"""Instead of a result: other settings are in force from here on."""
THREE = Thresholds(healthy=3, unhealthy=3)

NOTHING = Verdict()
FLIPPED = Verdict(flipped=True)
OWN_FAILURE = Verdict(own=True)


def record(*events: CheckResult | None, thresholds: Thresholds = THREE) -> HealthRecord:
    """A record after `events`."""
    made = HealthRecord()
    for event in events:
        tell(made, event, thresholds)
    return made


def tell(to: HealthRecord, event: CheckResult | None, thresholds: Thresholds = THREE) -> Verdict:
    if event is SETTINGS:
        to.settings_changed()
        return NOTHING
    return to.observe(event, thresholds, now=0.0)


def test_it_is_unknown_at_first() -> None:
    fresh = record()
    assert (fresh.state, fresh.last, fresh.at, fresh.recovering) == (Health.UNKNOWN, None, None, False)


def test_rule_30_the_first_result_decides_at_once() -> None:
    for result, state in ((PASS, Health.PASSING), (FAIL, Health.FAILING)):
        fresh = record()
        assert tell(fresh, result).flipped
        assert fresh.state is state


def test_rule_30_from_then_on_the_thresholds_count() -> None:
    it = record(PASS)
    assert [tell(it, FAIL).flipped for _ in range(4)] == [False, False, True, False]
    assert [tell(it, PASS).flipped for _ in range(4)] == [False, False, True, False]


def test_each_kind_has_its_own_threshold() -> None:
    uneven = Thresholds(healthy=1, unhealthy=2)
    it = record(PASS)
    assert [tell(it, FAIL, uneven).flipped for _ in range(2)] == [False, True]
    assert tell(it, PASS, uneven) == FLIPPED


def test_a_result_of_the_other_kind_begins_the_count_anew() -> None:
    it = record(PASS, FAIL, FAIL, PASS, FAIL, FAIL)
    assert it.state is Health.PASSING
    assert (it.passes, it.failures) == (0, 2)


def test_rule_26_a_failure_is_the_servers_own_only_after_a_pass() -> None:
    never_passed = record()
    assert tell(never_passed, FAIL) == Verdict(flipped=True, own=False)
    assert tell(record(PASS), FAIL) == OWN_FAILURE


def test_rule_26_a_failure_right_after_a_change_of_settings_is_not_its_own() -> None:
    it = record(PASS, SETTINGS)
    assert [tell(it, FAIL) for _ in range(3)] == [NOTHING, NOTHING, FLIPPED]


def test_rule_26_after_the_change_a_pass_makes_failures_its_own_again() -> None:
    it = record(PASS, SETTINGS, PASS, FAIL, FAIL)
    assert tell(it, FAIL) == Verdict(flipped=True, own=True)


def test_rule_30_changed_settings_reset_the_counts_and_not_the_state() -> None:
    it = record(PASS, FAIL, FAIL, SETTINGS)
    assert (it.state, it.failures) == (Health.PASSING, 0)
    assert record(FAIL, PASS, PASS, SETTINGS, PASS).state is Health.FAILING


def test_a_fault_of_our_own_is_shown_and_does_not_count() -> None:
    it = record(PASS, FAIL, FAIL)
    assert it.observe(OWN, THREE, now=7.0) == NOTHING
    assert (it.last, it.at, it.failures, it.state) == (OWN, 7.0, 2, Health.PASSING)
    assert record(OWN).state is Health.UNKNOWN


def test_rule_31_an_answer_that_asks_for_a_drain_counts_as_a_pass() -> None:
    assert record(DRAIN).state is Health.PASSING
    assert record(FAIL, DRAIN, DRAIN, DRAIN).state is Health.PASSING
    assert record(PASS, FAIL, FAIL, DRAIN).failures == 0


def test_a_failed_connect_counts_as_one_failed_check_and_a_pass_clears_it() -> None:
    it = record(PASS)
    verdicts = [it.connect_failed("refused", THREE, now=3.0) for _ in range(2)]
    assert verdicts == [OWN_FAILURE, OWN_FAILURE]
    assert (it.failures, it.at) == (2, 3.0)
    assert it.last is not None
    assert (it.last.reason, it.last.passed) == ("refused", False)
    tell(it, PASS)
    assert it.failures == 0


def test_rule_29_it_recovers_while_its_checks_pass_and_the_threshold_holds_it_back() -> None:
    assert record(FAIL, PASS).recovering
    assert record(FAIL, PASS, OWN).recovering
    assert record(FAIL, PASS, SETTINGS).recovering
    assert not record(FAIL, PASS, FAIL).recovering
    assert not record(FAIL, PASS, PASS, PASS).recovering
    assert not record(PASS).recovering


counts = some.integers(1, 4)
histories = some.lists(some.sampled_from([PASS, PASS, FAIL, FAIL, OWN, DRAIN, SETTINGS]), max_size=40)


@given(histories, some.builds(Thresholds, counts, counts))
def test_it_agrees_with_the_rules_read_over_the_whole_history(
    history: list[CheckResult | None], thresholds: Thresholds
) -> None:
    it = HealthRecord()
    for length in range(1, len(history) + 1):
        before = it.state
        verdict = tell(it, history[length - 1], thresholds)
        past = history[:length]
        assert it.state is state_after(past, thresholds)
        assert verdict.flipped is (it.state is not before)
        assert verdict.own is own_failure(past)
        assert it.recovering is (it.state is Health.FAILING and passed_last(past))


def good(result: CheckResult) -> bool:
    return result in (PASS, DRAIN)


def in_force(history: list[CheckResult | None]) -> list[CheckResult]:
    """The results that count, under the settings in force, latest first."""
    since = takewhile(lambda event: event is not SETTINGS, reversed(history))
    return [event for event in since if event is not None and event is not OWN]


def state_after(history: list[CheckResult | None], thresholds: Thresholds) -> Health:
    if not history:
        return Health.UNKNOWN
    before = state_after(history[:-1], thresholds)
    results = in_force(history)
    if history[-1] in (OWN, SETTINGS) or not results:
        return before
    kind = good(results[0])
    run = len(list(takewhile(lambda result: good(result) is kind, results)))
    enough = run >= (thresholds.healthy if kind else thresholds.unhealthy)
    decides = before is Health.UNKNOWN or enough
    return (Health.PASSING if kind else Health.FAILING) if decides else before


def own_failure(history: list[CheckResult | None]) -> bool:
    return history[-1] is FAIL and any(good(result) for result in in_force(history))


def passed_last(history: list[CheckResult | None]) -> bool:
    counted = [event for event in history if event not in (OWN, SETTINGS)]
    return bool(counted) and counted[-1] in (PASS, DRAIN)
