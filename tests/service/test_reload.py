"""A reload: each kind of difference, whole or not at all, and what stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from lbtwist.errors import BindError, ConfigurationError, Problem, Refused
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.model.registration import Origin
from lbtwist.service.loading import Loaded
from lbtwist.service.reload import Reloader
from lbtwist.service.verbs import membership, taking_out
from tests.service.bench import ADA, WALL, Bench, config

Flush = Callable[..., list[Failure]]
WEB = '[listeners.web]\nendpoint = "127.0.0.1:8080"\nprotocol = "tcp"\nserver_group = "app"\n'
APP = '[server_groups.app.servers]\necs01 = "10.0.0.1:80"\necs02 = "10.0.0.2:80"\n'
TWO = WEB + APP
ADMIN = WEB.replace("web", "admin").replace("8080", "8081")


@pytest.fixture
def bench() -> Bench:
    return Bench(TWO)


def begin(bench: Bench, toml: str) -> Deferred[list[str]]:
    return Reloader(bench.balancer, lambda: succeed(Loaded(config(toml)))).reload()


def reload(bench: Bench, toml: str) -> list[str]:
    """What was changed, a line each."""
    done: list[list[str]] = []
    begin(bench, toml).addCallback(done.append)
    return done[0]


def refused(reloading: Deferred[list[str]], kind: type[Exception] = ConfigurationError) -> str:
    """Why it was refused."""
    caught: list[Failure] = []
    reloading.addErrback(caught.append)
    assert caught[0].check(kind), caught[0]
    return caught[0].getErrorMessage()


def told(bench: Bench) -> list[tuple[str, int]]:
    told, bench.plane.told = bench.plane.told, []
    return told


def test_with_nothing_changed_nothing_is_done(bench: Bench) -> None:
    told(bench)
    assert reload(bench, TWO) == []
    assert (told(bench), bench.rotation()) == ([], ["app/ecs01#2", "app/ecs02#3"])


# Servers.


def test_a_server_that_the_file_adds_joins_at_once(bench: Bench) -> None:
    done = reload(bench, TWO + 'ecs03 = "10.0.0.3:80"\n')
    assert done == ["server group app changed", "app/ecs03#4 added"]
    assert bench.rotation() == ["app/ecs01#2", "app/ecs02#3", "app/ecs03#4"]


def test_a_server_that_the_file_drops_is_removed_by_the_rules(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs02#3")
    done = reload(bench, TWO.replace('ecs02 = "10.0.0.2:80"\n', ""))
    assert done == ["server group app changed", "app/ecs02#3 removed"]
    assert bench.rotation() == ["app/ecs01#2"]
    bench.clock.advance(299)
    assert connection.live
    bench.clock.advance(1)
    (receipt,) = bench.balancer.drains.receipts
    assert (receipt.cause, receipt.who, receipt.cut) == ("deregistered", "file", 1)


def test_rule_62_what_the_file_removed_is_not_brought_back_by_ready(bench: Bench) -> None:
    bench.connect("app/ecs02#3")
    reload(bench, TWO.replace('ecs02 = "10.0.0.2:80"\n', ""))
    with pytest.raises(Refused, match="removed by the file"):
        membership.ready(bench.call(), ["app/ecs02"])


def test_a_renamed_server_is_no_removal(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    done = reload(bench, TWO.replace("ecs01", "renamed"))
    assert done == ["server group app changed", "app/renamed changed"]
    assert bench.rotation() == ["app/renamed#2", "app/ecs02#3"]
    assert (connection.live, list(bench.balancer.drains)) == (True, [])


def test_two_servers_that_swap_their_names_are_no_removal(bench: Bench) -> None:
    reload(bench, TWO.replace("10.0.0.1", "x").replace("10.0.0.2", "10.0.0.1").replace("x", "10.0.0.2"))
    assert bench.rotation() == ["app/ecs02#2", "app/ecs01#3"]


def test_a_new_server_may_have_the_name_that_another_gives_up(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    reload(bench, TWO.replace("ecs01", "old") + 'ecs01 = "10.0.0.9:80"\n')
    assert bench.rotation() == ["app/old#2", "app/ecs02#3", "app/ecs01#4"]
    assert (connection.live, list(bench.balancer.drains)) == (True, [])


def test_a_changed_address_is_a_removal_and_an_addition_that_joins_at_once(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    done = reload(bench, TWO.replace("10.0.0.1", "10.0.0.9"))
    assert done == ["server group app changed", "app/ecs01#2 removed", "app/ecs01#4 added"]
    assert (bench.rotation(), connection.live) == (["app/ecs02#3", "app/ecs01#4"], True)


def test_rule_16_a_server_that_the_file_drops_and_names_again_waits_for_its_drain(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs02#3")
    reload(bench, TWO.replace('ecs02 = "10.0.0.2:80"\n', ""))
    reload(bench, TWO)
    assert bench.rotation() == ["app/ecs01#2"]
    connection.end()
    assert bench.rotation() == ["app/ecs01#2", "app/ecs02#4"]


def test_a_changed_weight_touches_no_connection(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    done = reload(bench, TWO.replace('"10.0.0.1:80"', '{ address = "10.0.0.1:80", weight = 7 }'))
    assert done == ["server group app changed", "app/ecs01 changed"]
    assert [member.weight for member in bench.plane.rotations["app"].members] == [7, 100]
    assert connection.live


# What operators did, and what the file says.


def test_rule_67_what_operators_did_survives_a_reload_that_did_not_touch_it() -> None:
    bench = Bench(TWO + 'ecs03 = "10.0.0.3:80"\n')
    call = bench.call()
    membership.weigh(call, "app/ecs01", 5)
    taking_out.drain(call, ["app/ecs02"])
    taking_out.remove(call, ["app/ecs03"])
    membership.add(call, "app", "extra", "10.0.0.8:80")
    before = [(m.label, m.weight) for m in bench.plane.rotations["app"].members]
    assert before == [("app/ecs01#2", 5), ("app/extra#5", 100)]
    reload(bench, TWO + 'ecs03 = "10.0.0.3:80"\necs04 = "10.0.0.4:80"\n')
    now = [(m.label, m.weight) for m in bench.plane.rotations["app"].members]
    assert now == [*before, ("app/ecs04#6", 100)]
    assert bench.balancer.groups["app"].members.current("ecs02").state == "drained"


def test_rule_67_the_file_wins_where_it_changed_the_same_weight(bench: Bench) -> None:
    membership.weigh(bench.call(), "app/ecs01", 5)
    reload(bench, TWO.replace('"10.0.0.1:80"', '{ address = "10.0.0.1:80", weight = 7 }'))
    assert bench.plane.rotations["app"].members[0].weight == 7


def test_rule_67_a_live_weight_survives_another_name_in_the_file(bench: Bench) -> None:
    membership.weigh(bench.call(), "app/ecs01", 5)
    reload(bench, TWO.replace("ecs01", "renamed"))
    assert [(m.label, m.weight) for m in bench.plane.rotations["app"].members] == [
        ("app/renamed#2", 5),
        ("app/ecs02#3", 100),
    ]


def test_a_server_that_a_verb_added_and_then_the_file_is_the_same(bench: Bench) -> None:
    membership.add(bench.call(), "app", "extra", "10.0.0.8:80", weight=3)
    (connection,) = bench.connect("app/extra#4")
    reload(bench, TWO + 'ecs08 = "10.0.0.8:80"\n')
    assert bench.rotation() == ["app/ecs01#2", "app/ecs02#3", "app/ecs08#4"]
    assert (bench.plane.rotations["app"].members[2].weight, connection.live) == (100, True)


@pytest.mark.parametrize(
    "toml", [TWO + 'extra = "10.0.0.9:80"\n', TWO.replace("ecs01", "extra")], ids=["added", "renamed"]
)
def test_the_file_wins_where_it_takes_a_name_that_a_verb_gave(bench: Bench, toml: str) -> None:
    membership.add(bench.call(), "app", "extra", "10.0.0.8:80")
    (connection,) = bench.connect("app/extra#4")
    assert "app/extra#4 removed" in reload(bench, toml)
    group = bench.balancer.groups["app"].members
    assert group.current("extra").number != 4
    assert (group.get(4).removed_by, connection.live) == (Origin.FILE, True)
    connection.end()
    bench.balancer.groups["app"].remove([r for r in group if r.registered], ADA, Origin.VERB)
    assert len(group) == 0


def test_what_the_file_drops_and_a_verb_removed_before_is_no_error(bench: Bench) -> None:
    bench.connect("app/ecs02#3")
    taking_out.remove(bench.call(), ["app/ecs02"])
    assert reload(bench, TWO.replace('ecs02 = "10.0.0.2:80"\n', "")) == ["server group app changed"]


def test_rule_66_an_edited_file_is_obeyed_with_a_warning(warned: list[str]) -> None:
    bench = Bench(WEB + "[server_groups.app]\nmin_healthy = 2\n" + APP)
    one = APP.replace('ecs02 = "10.0.0.2:80"\n', "")
    reload(bench, WEB + "[server_groups.app]\nmin_healthy = 2\n" + one)
    assert bench.rotation() == ["app/ecs01#2"]
    assert warned[0] == "app has 1 of 1 servers left that take new connections; min_healthy is 2"


# Groups.


def test_rule_73_other_settings_of_a_group_touch_no_connection_and_no_drain(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    done = reload(bench, TWO + "[server_groups.app.connection_draining]\ntimeout = 0\n")
    assert done == ["server group app changed"]
    (running,) = bench.balancer.drains
    assert (connection.live, running.left()) == (True, 300.0)


def test_rule_73_a_group_that_is_not_changed_is_not_touched(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    reload(bench, TWO + '[server_groups.api.servers]\none = "10.0.1.1:80"\n')
    assert bench.rotation("api") == ["api/one#4"]
    assert (bench.rotation(), connection.live) == (["app/ecs01#2", "app/ecs02#3"], True)


API = WEB + APP.replace("app", "api") + APP


def test_a_group_that_is_dropped_is_drained_and_then_gone() -> None:
    bench = Bench(API)
    (connection,) = bench.connect("api/ecs01#2")
    assert reload(bench, TWO) == ["server group api removed"]
    assert (bench.rotation("api"), connection.live, "api" in bench.balancer.groups) == ([], True, True)
    bench.clock.advance(300)
    assert (connection.live, list(bench.balancer.groups)) == (False, ["app"])


def test_a_group_that_is_dropped_is_told_once() -> None:
    bench = Bench(API)
    bench.connect("api/ecs01#2")
    reload(bench, TWO)
    assert reload(bench, TWO) == []


def test_a_group_without_connections_is_gone_at_once() -> None:
    bench = Bench(API)
    reload(bench, TWO)
    assert list(bench.balancer.groups) == ["app"]


def test_a_group_that_is_named_again_while_it_drains_stays() -> None:
    bench = Bench(API)
    (connection,) = bench.connect("api/ecs01#2")
    reload(bench, TWO)
    reload(bench, API)
    assert bench.rotation("api") == ["api/ecs02#7"]
    connection.end()
    assert bench.rotation("api") == ["api/ecs01#6", "api/ecs02#7"]
    assert "api" in bench.balancer.groups


def test_a_group_that_was_gone_is_new(bench: Bench) -> None:
    reload(bench, API)
    reload(bench, TWO)
    assert "server group api added" in reload(bench, API)
    assert len(bench.rotation("api")) == 2


# Listeners.


def test_a_new_listener_accepts(bench: Bench) -> None:
    told(bench)
    assert reload(bench, TWO + ADMIN) == ["listener admin at 127.0.0.1:8081 added"]
    number = bench.balancer.listeners["admin"].number
    assert told(bench) == [("bind", number), ("serve", number)]
    assert bench.plane.policies[number].group == "app"


def test_rule_72_a_listener_that_is_dropped_drains_its_connections() -> None:
    bench = Bench(TWO + ADMIN)
    web, admin = (bench.balancer.listeners[name].number for name in ("web", "admin"))
    (member, _) = bench.plane.rotations["app"].members
    mine, its = bench.plane.open(member, admin), bench.plane.open(member, web)
    assert reload(bench, TWO) == ["listener admin at 127.0.0.1:8081 removed"]
    assert (list(bench.balancer.listeners), bench.plane.address(admin)) == (["web"], "")
    assert (mine.live, its.live) == (True, True)
    bench.clock.advance(300)
    assert (mine.live, its.live) == (False, True)
    assert [receipt.subject for receipt in bench.balancer.drains.receipts] == ["listener admin"]


def test_rule_73_other_limits_of_a_listener_touch_no_connection(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    number = bench.balancer.listeners["web"].number
    told(bench)
    assert reload(bench, WEB + "max_connections = 9\n" + APP) == ["listener web changed"]
    assert (told(bench), bench.plane.policies[number].max_connections) == ([("serve", number)], 9)
    assert connection.live


def test_a_listener_of_another_group_gives_new_connections_to_that() -> None:
    bench = Bench(API)
    number = bench.balancer.listeners["web"].number
    reload(bench, API.replace('server_group = "app"', 'server_group = "api"'))
    assert bench.plane.policies[number].group == "api"


def test_a_moved_listener_is_open_at_the_new_place_before_the_old_one_is_closed(bench: Bench) -> None:
    old = bench.balancer.listeners["web"]
    (connection,) = bench.connect("app/ecs01#2")
    told(bench)
    done = reload(bench, TWO.replace("8080", "9090"))
    new = bench.balancer.listeners["web"]
    assert done == ["listener web at 127.0.0.1:8080 removed", "listener web at 127.0.0.1:9090 added"]
    calls = [each for each, _ in told(bench)]
    assert (calls[0], calls[-1], "stop_accepting" in calls) == ("bind", "serve", True)
    assert (bench.plane.address(old.number), bench.plane.address(new.number)) == ("", "127.0.0.1:9090")
    assert (connection.live, new.accepting) == (True, True)


def test_where_endpoints_overlap_the_old_one_is_closed_first(bench: Bench) -> None:
    old = bench.balancer.listeners["web"]
    told(bench)
    reload(bench, TWO.replace("127.0.0.1:8080", ":8080"))
    new = bench.balancer.listeners["web"]
    assert told(bench)[:2] == [("stop_accepting", old.number), ("bind", new.number)]
    assert bench.plane.address(new.number) == ":8080"


def test_two_listeners_may_swap_their_endpoints() -> None:
    bench = Bench(TWO + ADMIN)
    reload(bench, (TWO + ADMIN).replace("8080", "x").replace("8081", "8080").replace(":x", ":8081"))
    assert bench.balancer.listeners["web"].address == "127.0.0.1:8081"
    assert bench.balancer.listeners["admin"].address == "127.0.0.1:8080"


# Whole or not at all.


def test_when_one_of_two_endpoints_cannot_be_opened_nothing_is_changed(
    bench: Bench, flush_logged_errors: Flush
) -> None:
    bench.plane.taken = [parse_endpoint("127.0.0.1:9999")]
    before = bench.balancer.filed
    wanted = TWO.replace("ecs01", "renamed") + ADMIN + ADMIN.replace("admin", "third").replace("8081", "9999")
    why = refused(begin(bench, wanted))
    assert why == "listeners.third.endpoint: 127.0.0.1:9999: address already in use"
    assert (bench.rotation()[0], list(bench.balancer.listeners)) == ("app/ecs01#2", ["web"])
    assert [str(endpoint) for endpoint in bench.plane.bound.values()] == ["127.0.0.1:8080"]
    assert (bench.balancer.filed, bench.balancer.problems) == (before, (why,))
    assert len(flush_logged_errors()) == 1


def test_a_listener_that_stood_in_the_way_is_opened_again_when_the_reload_fails(
    bench: Bench, flush_logged_errors: Flush
) -> None:
    web = bench.balancer.listeners["web"]
    (connection,) = bench.connect("app/ecs01#2")
    bench.plane.taken = [parse_endpoint("127.0.0.1:9999")]
    third = ADMIN.replace("8081", "9999")
    refused(begin(bench, TWO.replace("127.0.0.1:8080", ":8080") + third))
    assert (bench.balancer.listeners["web"], web.accepting, web.address) == (web, True, "127.0.0.1:8080")
    assert bench.plane.told[-1] == ("serve", web.number)
    assert connection.live
    flush_logged_errors()


def test_one_that_cannot_be_opened_again_is_told_and_the_reload_is_refused_all_the_same(
    bench: Bench, flush_logged_errors: Flush
) -> None:
    web = bench.balancer.listeners["web"]
    bench.plane.slow = True
    reloading = begin(bench, TWO.replace("127.0.0.1:8080", ":8080"))
    bench.plane.taken = [parse_endpoint(":8080")]  # somebody else was faster
    bench.plane.catch_up()
    bench.plane.catch_up()
    assert "listeners.web.endpoint" in refused(reloading)
    assert web.accepting is False
    assert "listener web is closed" in "".join(each.getErrorMessage() for each in flush_logged_errors())


def test_after_a_reload_that_was_refused_the_next_one_works(bench: Bench, flush_logged_errors: Flush) -> None:
    bench.plane.taken = [parse_endpoint("127.0.0.1:8081")]
    refused(begin(bench, TWO + ADMIN))
    bench.plane.taken = []
    assert reload(bench, TWO + ADMIN) == ["listener admin at 127.0.0.1:8081 added"]
    assert bench.balancer.problems == ()
    flush_logged_errors()


def test_the_console_is_changed_by_a_restart_alone(bench: Bench, flush_logged_errors: Flush) -> None:
    toml = '[console]\nadmin_keys = "/keys"\n' + TWO.replace("ecs01", "renamed")
    assert refused(begin(bench, toml)) == "console: can't be changed by a reload: restart"
    assert bench.rotation() == ["app/ecs01#2", "app/ecs02#3"]
    flush_logged_errors()


def test_the_access_log_is_changed_by_a_restart_alone(bench: Bench, flush_logged_errors: Flush) -> None:
    toml = "[access_log]\npath = 'a.log'\n" + TWO.replace("ecs01", "renamed")
    assert refused(begin(bench, toml)) == "access_log: can't be changed by a reload: restart"
    assert bench.rotation() == ["app/ecs01#2", "app/ecs02#3"]
    flush_logged_errors()


def test_the_status_page_is_changed_by_a_restart_alone(bench: Bench, flush_logged_errors: Flush) -> None:
    toml = "[status]\n" + TWO.replace("ecs01", "renamed")
    assert refused(begin(bench, toml)) == "status: can't be changed by a reload: restart"
    assert bench.rotation() == ["app/ecs01#2", "app/ecs02#3"]
    flush_logged_errors()


def test_reloads_are_counted_with_the_time_of_the_last_that_was_applied(
    bench: Bench, flush_logged_errors: Flush
) -> None:
    reloads = bench.balancer.reloads
    assert (reloads.applied, reloads.refused, reloads.well, reloads.read_at) == (0, 0, True, WALL)
    bench.clock.advance(5)
    reload(bench, TWO)
    bench.clock.advance(5)
    refused(begin(bench, "[status]\n" + TWO))
    assert (reloads.applied, reloads.refused, reloads.well, reloads.read_at) == (1, 1, False, WALL + 5)
    reload(bench, TWO)
    assert (reloads.applied, reloads.refused, reloads.well, reloads.read_at) == (2, 1, True, WALL + 10)
    flush_logged_errors()


def test_a_file_that_is_wrong_changes_nothing_and_is_shown(bench: Bench, flush_logged_errors: Flush) -> None:
    error = ConfigurationError([Problem("listeners.web", "no", "lb.toml"), Problem("x", "unknown")])
    why = refused(Reloader(bench.balancer, lambda: fail(error)).reload())
    assert why.splitlines() == ["lb.toml: listeners.web: no", "x: unknown"]
    assert bench.balancer.problems == ("lb.toml: listeners.web: no", "x: unknown")
    assert len(flush_logged_errors()) == 2


def test_the_name_of_the_load_balancer_is_the_files(bench: Bench) -> None:
    reload(bench, '[load_balancer]\nname = "edge"\n' + TWO)
    assert bench.balancer.name == "edge"


def test_two_reloads_at_once_run_one_after_the_other(bench: Bench) -> None:
    reading: list[Deferred[Loaded]] = []

    def read() -> Deferred[Loaded]:
        reading.append(Deferred())
        return reading[-1]

    reloader = Reloader(bench.balancer, read)
    done: list[list[str]] = []
    reloader.reload().addCallback(done.append)
    reloader.reload().addCallback(done.append)
    assert len(reading) == 1, "the second one reads when the first is done, or it would miss an edit"
    reading[0].callback(Loaded(config(TWO + ADMIN)))
    reading[1].callback(Loaded(config(TWO)))
    assert done == [
        ["listener admin at 127.0.0.1:8081 added"],
        ["listener admin at 127.0.0.1:8081 removed"],
    ]


def test_a_reload_that_fails_does_not_hold_up_the_next(bench: Bench, flush_logged_errors: Flush) -> None:
    answers = [fail(ConfigurationError([Problem("", "bad")])), succeed(Loaded(config(TWO + ADMIN)))]
    reloader = Reloader(bench.balancer, lambda: answers.pop(0))
    refused(reloader.reload())
    done: list[list[str]] = []
    reloader.reload().addCallback(done.append)
    assert len(done[0]) == 1
    flush_logged_errors()


def test_a_load_balancer_that_leaves_is_not_reloaded(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    stopped = bench.balancer.stopService()
    read: list[bool] = []

    def reading() -> Deferred[Loaded]:
        read.append(True)
        return succeed(Loaded(config(TWO)))

    assert refused(Reloader(bench.balancer, reading).reload(), Refused) == "it is shutting down"
    assert read == []
    connection.end()
    assert stopped.called


@pytest.mark.parametrize("slow", [False, True])
def test_one_that_began_to_leave_while_the_file_was_read_opens_nothing(bench: Bench, slow: bool) -> None:
    reading: Deferred[Loaded] = Deferred()
    reloading = Reloader(bench.balancer, lambda: reading).reload()
    bench.plane.slow = slow  # then its listeners are still being closed
    bench.connect("app/ecs01#2")
    bench.balancer.stopService()
    reading.callback(Loaded(config(TWO + ADMIN)))
    assert refused(reloading, Refused) == "it is shutting down"
    assert list(bench.balancer.listeners) == ["web"]
    bench.plane.catch_up()
    bench.balancer.hurry()


def test_the_fake_refuses_an_endpoint_that_is_taken(bench: Bench) -> None:
    with pytest.raises(BindError, match=re.escape("127.0.0.1:8080: address already in use")):
        bench.plane.bind(99, parse_endpoint("127.0.0.1:8080"))
