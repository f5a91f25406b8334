"""Rule 75: the data planes of two generations as one, over a channel in memory."""

from __future__ import annotations

from itertools import count

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from lbtwist.errors import BindError
from lbtwist.interfaces import IDataPlane, IDataPlaneObserver
from lbtwist.model.address import parse_address
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.model.figures import Distribution, GroupFigures, ListenerFigures
from lbtwist.model.generations import InRotation, Look, Report
from lbtwist.model.plane import EVERYTHING, ListenerPolicy, Member, Rotation, Scope, Tally
from lbtwist.net.generations import Generations
from lbtwist.net.mirror import LAST_REQUESTS, PATIENCE, Mirror
from lbtwist.net.reporting import INTERVAL, MANY, SLOW, Reporting
from tests.net.channels import channel_pair
from tests.service.fakes import FakeConnection, FakeDataPlane

OLD_WEB, NEW_WEB = 1, 10
OLD_SEATS = (2, 3)
SEATS = {2: 12, 3: 13}
"""Ours of the older generation's; 22 and 23 are those for new connections."""
FIRST, SECOND = Scope.registration(12, 22), Scope.registration(13, 23)
WEB = Scope.listener(NEW_WEB)


def member(number: int, host: int) -> Member:
    return Member(number, f"app/s{host}#{number}", parse_address(f"10.0.0.{host}:80"), 1)


@implementer(IDataPlaneObserver)
class Quiet:
    """Hears of failures, and does nothing about them."""

    def connect_failed(self, number: int, reason: str) -> None:
        pass

    def no_server(self, group: str, tried: int, reason: str) -> None:
        pass


class Bench:
    """An older generation with connections, and a newer one that counts them as its own."""

    def __init__(self, live: int = 1) -> None:
        self.clock = Clock()
        self.old, self.new = FakeDataPlane(self.clock), FakeDataPlane(self.clock)
        self.new._ids = count(100)
        self.old.policies[OLD_WEB] = ListenerPolicy(OLD_WEB, "web", "app")
        self.old_whole = Generations(self.old)
        self.plane = Generations(self.new)
        self.theirs = [self.open_old(2) for _ in range(live)]
        self.ours, self.its = channel_pair()
        self.reporting = Reporting(self.old_whole, self.its, self.clock, OLD_SEATS, [OLD_WEB])
        numbers = {**SEATS, OLD_WEB: NEW_WEB}
        self.mirror = Mirror(
            7, self.ours, numbers, {OLD_WEB: "web"}, self.reporting.whole(), self.new._ids, self.clock
        )
        self.mirror.label_of = lambda number: f"app/new#{number + 10}"
        self.its.listen(self.reporting.heard, lambda why: self.reporting.stop())
        self.ours.listen(self.mirror.heard, lambda why: self.plane.remove(self.mirror))
        self.plane.add(self.mirror)
        self.reporting.start()

    def open_old(self, number: int) -> FakeConnection:
        return self.old.open(member(number, number - 1), OLD_WEB)

    def open_new(self, number: int) -> FakeConnection:
        return self.new.open(member(number, number - 21), NEW_WEB)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def outcome(waiting: Deferred[None]) -> list[object]:
    results: list[object] = []
    waiting.addBoth(results.append)
    return results


def test_it_has_the_face_of_a_data_plane(bench: Bench) -> None:
    assert verifyObject(IDataPlane, bench.plane)


def test_rule_75_connections_of_both_are_counted_together(bench: Bench) -> None:
    bench.open_new(22).move(received=3)
    bench.theirs[0].move(received=4, sent=5)
    bench.clock.advance(INTERVAL)
    both = Tally(live=2, total=2, received=7, sent=5)
    assert [bench.plane.tally(each) for each in (FIRST, WEB, EVERYTHING)] == [both, both, both]
    assert bench.plane.tally(SECOND) == Tally()
    assert bench.plane.totals() == {22: 1}, "what comes new comes to our own"


def test_rule_75_figures_of_both_are_told_together() -> None:
    bench = Bench()
    for plane, failed in ((bench.old, 2), (bench.new, 22)):
        plane.observer = Quiet()
        plane.groups["app"] = GroupFigures(no_server=2, connect=Distribution((1,) * 16, 8.0))
        plane.fail(member(failed, 1), "refused")
    bench.old.listeners[OLD_WEB] = ListenerFigures(3, (0, 5, 0, 0, 0))
    bench.new.listeners[NEW_WEB] = ListenerFigures(1, (0, 1, 0, 0, 2))
    bench.clock.advance(SLOW)
    figures = bench.plane.figures()
    assert figures.groups["app"] == GroupFigures(no_server=4, connect=Distribution((2,) * 16, 16.0))
    assert figures.listeners == {NEW_WEB: ListenerFigures(4, (0, 6, 0, 0, 2))}
    assert figures.failures == {12: {"refused": 1}, 22: {"refused": 1}}


def test_rule_75_clients_that_both_have_turned_away_are_told_together(bench: Bench) -> None:
    bench.old.listeners[OLD_WEB] = ListenerFigures(refused={"denied": 3, "client_rate": 1})
    bench.new.listeners[NEW_WEB] = ListenerFigures(refused={"denied": 1})
    bench.clock.advance(SLOW)
    assert bench.plane.turned_away(NEW_WEB) == {"denied": 4, "client_rate": 1}
    bench.theirs[0].end()
    bench.clock.advance(INTERVAL)
    bench.plane.remove(bench.mirror)
    assert bench.plane.turned_away(NEW_WEB) == {"denied": 4, "client_rate": 1}, "it stays"
    assert bench.plane.turned_away(99) == {}


def test_rule_75_what_the_older_one_counted_before_the_upgrade_counts_at_once() -> None:
    bench = Bench()
    bench.old.groups["app"] = GroupFigures(retries=7, queue=1)
    mirror = Mirror(8, bench.ours, {}, {}, bench.reporting.whole(), count(1), bench.clock)
    bench.plane.mirrors[:] = [mirror]
    assert bench.plane.figures().groups["app"] == GroupFigures(retries=7, queue=1)
    bench.plane.remove(mirror)
    assert bench.plane.figures().groups["app"] == GroupFigures(retries=7), "it stays, and nobody waits there"
    assert bench.plane.past.report().figures == bench.plane.figures()


def test_figures_are_told_each_second_at_most_and_only_what_has_changed(bench: Bench) -> None:
    bench.old.groups["other"] = GroupFigures(retries=1)
    for turn in range(1, 30):
        bench.old.groups["app"] = GroupFigures(retries=turn)
        bench.clock.advance(INTERVAL)
    told = [each.figures for each in bench.its.sent if isinstance(each, Report) and each.figures]
    assert [sorted(each.groups) for each in told] == [["app", "other"], ["app"]]


def test_the_last_figures_are_told_when_it_closes(bench: Bench) -> None:
    bench.old_whole.farewell = bench.reporting.stop
    bench.old.groups["app"] = GroupFigures(retries=7)
    bench.old_whole.close()
    bench.its.close()
    assert bench.plane.figures().groups["app"].retries == 7


def test_what_a_listener_had_is_forgotten_with_it(bench: Bench) -> None:
    bench.old.listeners[OLD_WEB] = ListenerFigures(responses=(0, 5, 0, 0, 0))
    bench.theirs[0].end()
    bench.clock.advance(INTERVAL)
    bench.plane.remove(bench.mirror)
    assert (bench.plane.tally(WEB).total, list(bench.plane.figures().listeners)) == (1, [NEW_WEB])
    bench.plane.forget(WEB)
    assert (bench.plane.tally(WEB).total, list(bench.plane.figures().listeners)) == (0, [])
    assert bench.plane.tally(EVERYTHING).total == 1


def test_rule_75_a_scope_is_empty_when_it_is_in_both_and_at_that_moment(bench: Bench) -> None:
    mine = bench.open_new(22)
    waits = [outcome(bench.plane.when_empty(each)) for each in (FIRST, WEB, EVERYTHING, SECOND)]
    assert waits == [[], [], [], [None]]
    mine.end()
    assert waits[:3] == [[], [], []]
    bench.theirs[0].end()
    assert waits[:3] == [[None], [None], [None]], "told at once, not with the next report"


def test_rule_75_the_other_way_round(bench: Bench) -> None:
    mine = bench.open_new(22)
    waiting = outcome(bench.plane.when_empty(FIRST))
    bench.theirs[0].end()
    assert waiting == []
    mine.end()
    assert waiting == [None]


def test_waiting_for_emptiness_can_be_given_up(bench: Bench) -> None:
    waiting = bench.plane.when_empty(FIRST)
    results = outcome(waiting)
    waiting.cancel()
    assert results[0].check(CancelledError)  # type: ignore[attr-defined]
    bench.theirs[0].end()
    assert bench.plane.tally(FIRST).live == 0


def test_rule_75_a_cut_reaches_both_and_is_counted(bench: Bench) -> None:
    bench.open_new(22)
    bench.open_new(23)
    other = bench.open_old(3)
    assert bench.plane.cut(FIRST) == 2
    assert bench.plane.tally(FIRST) == Tally(total=2, cut=2)
    assert other.live
    bench.clock.advance(INTERVAL)
    assert bench.plane.cut(EVERYTHING) == 2
    assert bench.plane.tally(EVERYTHING) == Tally(total=4, cut=4)


def test_rule_75_a_cut_of_some_takes_each_generations_share() -> None:
    bench = Bench(live=3)
    for _ in range(3):
        bench.open_new(22)
    assert bench.plane.cut(FIRST, 2) == 2
    assert (len(bench.old.live), len(bench.new.live)) == (2, 2)
    assert bench.plane.cut(FIRST, 3) == 3
    assert bench.plane.cut(FIRST, 9) == 1
    assert bench.plane.cut(FIRST, 1) == 0


def test_rule_75_connections_of_both_are_shown_and_one_is_cut(bench: Bench) -> None:
    mine = bench.open_new(22)
    bench.theirs[0].request = ("GET", "example", "/")
    bench.clock.advance(5)
    assert [view.id for view in bench.plane.connections(EVERYTHING)] == [mine.id], "not looked at yet"
    assert outcome(bench.plane.refreshed()) == [None]
    bench.clock.advance(2)
    for scope in (FIRST, WEB, EVERYTHING):
        first, second = bench.plane.connections(scope)
        assert (first.id, second.server, second.listener, second.path) == (mine.id, "app/new#22", "web", "/")
        assert second.age == 7
    assert list(bench.plane.connections(SECOND)) == []
    assert second.id not in (mine.id, bench.theirs[0].id)
    outcome(bench.plane.refreshed())
    assert [view.id for view in bench.plane.connections(EVERYTHING)] == [mine.id, second.id]
    assert bench.plane.cut_connection(second.id)
    assert not bench.theirs[0].live
    assert bench.plane.cut_connection(mine.id)
    assert not bench.plane.cut_connection(4711)


def test_nobody_waits_long_for_a_look(bench: Bench) -> None:
    bench.its.slow = True
    looked = outcome(bench.plane.refreshed())
    assert looked == []
    bench.clock.advance(PATIENCE)
    assert looked == [None]
    bench.theirs[0].end()
    assert outcome(bench.plane.refreshed()) == [None]
    assert sum(isinstance(each, Look) for each in bench.ours.sent) == 1


def test_rule_1_last_requests_to_the_older_one_keep_to_who_is_in_rotation(bench: Bench) -> None:
    bench.old_whole.rotate("app", Rotation((member(2, 1), member(3, 2)), "lc"))
    bench.plane.rotate("app", Rotation((member(23, 2),)))
    assert bench.old.rotations["app"] == Rotation((member(3, 2),), "lc")
    bench.plane.rotate("app", Rotation((member(22, 1), member(23, 2))))
    assert len(bench.old.rotations["app"].members) == 2
    bench.theirs[0].end()
    bench.clock.advance(LAST_REQUESTS)
    bench.plane.rotate("app", Rotation())
    assert bench.ours.sent[-1] != InRotation("app", ())


def test_who_comes_later_learns_who_is_in_rotation(bench: Bench) -> None:
    bench.plane.rotate("app", Rotation((member(23, 2),)))
    bench.plane.mirrors.remove(bench.mirror)
    bench.plane.add(bench.mirror)
    assert bench.ours.sent[-1] == InRotation("app", ("10.0.0.2:80",))


def test_reports_are_seldom_with_many_connections() -> None:
    bench = Bench(live=MANY + 1)
    bench.theirs[0].move(received=1)
    for _ in range(round(SLOW / INTERVAL) - 2):
        bench.clock.advance(INTERVAL)
    assert bench.plane.tally(EVERYTHING).received == 0
    for _ in range(2):
        bench.clock.advance(INTERVAL)
    assert bench.plane.tally(EVERYTHING).received == 1


def test_rule_75_one_that_is_gone_has_nothing_and_its_counters_stay(bench: Bench) -> None:
    waiting = outcome(bench.plane.when_empty(FIRST))
    bench.theirs[0].move(sent=2)
    bench.clock.advance(INTERVAL)
    outcome(bench.plane.refreshed())
    bench.its.close()
    assert waiting == [None]
    both = Tally(total=1, cut=1, sent=2)
    assert (bench.plane.tally(EVERYTHING), bench.plane.tally(WEB)) == (both, both), "it did not end by itself"
    assert list(bench.plane.connections(EVERYTHING)) == []
    assert bench.plane.mirrors == []


def test_the_older_one_goes_on_alone(bench: Bench) -> None:
    bench.ours.close()
    bench.clock.advance(INTERVAL)
    assert bench.theirs[0].live
    bench.theirs[0].end()


def test_what_is_forgotten_stays_in_all(bench: Bench) -> None:
    bench.theirs[0].end()
    bench.old.observer = Quiet()
    bench.old.fail(member(2, 1))
    bench.clock.advance(INTERVAL)
    assert list(bench.plane.figures().failures) == [12]
    bench.plane.forget(Scope.registration(12))
    assert (bench.plane.tally(FIRST), bench.plane.figures().failures) == (Tally(), {})
    assert bench.plane.tally(EVERYTHING).total == 1


def test_rule_74_nothing_is_accepted_until_it_is_released() -> None:
    own = FakeDataPlane()
    plane = Generations(own, held=True)
    for number in (1, 2):
        plane.bind(number, parse_endpoint(f"10.0.0.1:{number}"))
    waits = [outcome(plane.serve(ListenerPolicy(1, "web", group))) for group in ("app", "other")]
    dropped = outcome(plane.serve(ListenerPolicy(2, "api", "app")))
    plane.stop_accepting(2)
    assert (waits, dropped, own.policies) == ([[], []], [None], {})
    plane.release()
    assert waits == [[None], [None]]
    assert {number: policy.group for number, policy in own.policies.items()} == {1: "other"}
    assert outcome(plane.serve(ListenerPolicy(3, "late", "app"))) == [None]


def test_a_listener_that_can_not_be_served_says_so_when_it_is_released() -> None:
    class Full(FakeDataPlane):
        def serve(self, policy: ListenerPolicy) -> Deferred[None]:
            return fail(BindError("in use")) if policy.number == 1 else super().serve(policy)

    plane = Generations(Full(), held=True)
    failed, served = (outcome(plane.serve(ListenerPolicy(n, "web", "app"))) for n in (1, 2))
    plane.release()
    assert failed[0].check(BindError)  # type: ignore[attr-defined]
    assert served == [None]


def test_a_bind_that_fails_fails() -> None:
    own = FakeDataPlane()
    own.taken.append(parse_endpoint(":80"))
    with pytest.raises(BindError):
        Generations(own).bind(1, parse_endpoint(":80"))


def test_closing_lets_go_of_the_channels(bench: Bench) -> None:
    bench.plane.close()
    assert (bench.new.closed, bench.ours.closed) == (True, True)
