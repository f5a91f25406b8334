"""The verbs that look: documented rows of what there is, and nothing changed."""

from __future__ import annotations

from typing import Any

import pytest

import lbtwist
from lbtwist.console.render import Page, as_json, as_text
from lbtwist.errors import Refused, UsageError
from lbtwist.model.figures import ListenerFigures
from lbtwist.model.plane import Ending
from lbtwist.service.verbs import looking, membership, rows, taking_out
from tests.service.bench import WALL, Bench

TOML = """
[load_balancer]
name = "edge"
region = "north"
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "tcp"
server_group = "app"
[server_groups.app.servers]
ecs01 = "10.0.0.1:80"
ecs02 = { address = "10.0.0.2:80", weight = 50 }
[server_groups.api.servers]
ecs01 = "10.0.1.1:80"
[server_groups.api.connection_draining]
timeout = "never"
"""


@pytest.fixture
def bench() -> Bench:
    return Bench(TOML)


def data(result: Any) -> Any:
    assert result.exit == 0
    return result.data


@pytest.mark.parametrize("verb", [verb for verb in looking.VERBS if verb.columns], ids=lambda verb: verb.name)
def test_the_columns_of_a_table_are_keys_of_its_rows(bench: Bench, verb: Any) -> None:
    bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    taking_out.drain(bench.call(), ["app/ecs02"], force=True)
    table = data(verb.run(bench.call()))
    assert table
    assert all(set(verb.columns) <= set(row) for row in table)


def test_looking_changes_nothing(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    before = (dict(bench.plane.rotations), list(bench.plane.told), len(bench.plane.live))
    for verb in looking.VERBS:
        verb.run(bench.call())
    assert (dict(bench.plane.rotations), list(bench.plane.told), len(bench.plane.live)) == before


def test_listeners(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    connection.move(10, 200)
    (row,) = data(looking.listeners(bench.call()))
    assert row == {
        "listener": "web",
        "endpoint": "127.0.0.1:8080",
        "protocol": "tcp",
        "server_group": "app",
        "rule_groups": [],
        "state": "listening",
        "problem": "",
        "connections": 1,
        "total": 1,
        "refused": 0,
        "turned_away": {},
        "received": 10,
        "sent": 200,
    }
    bench.balancer.listeners["web"].stop_accepting()
    assert data(looking.listeners(bench.call()))[0]["state"] == "closed"


def test_listeners_tell_which_other_groups_their_rules_reach(bench: Bench) -> None:
    assert looking.listeners(bench.call()).columns == rows.LISTENER_COLUMNS
    bench = Bench(
        '[listeners.raw]\nendpoint = 9000\nprotocol = "tcp"\nserver_group = "raw"\n'
        '[listeners.web]\nendpoint = 8080\nprotocol = "http"\nserver_group = "app"\nrules = ['
        '{ path_prefix = "/a", server_group = "api" }, { path_prefix = "/o", respond = { status = 404 } },'
        '{ path_prefix = "/b", server_group = "api" }, { path_prefix = "/c", server_group = "app" }]\n'
        "[server_groups.raw]\n[server_groups.app]\n[server_groups.api]\n"
    )
    result = looking.listeners(bench.call())
    assert [row["rule_groups"] for row in result.data] == [[], ["api"]]
    assert result.columns == rows.RULED_LISTENER_COLUMNS
    assert set(result.columns) <= set(result.data[0])
    assert tuple(looking.status(bench.call()).data["listeners"][0]) == result.columns


def test_listeners_tell_whom_their_entrances_have_turned_away(bench: Bench) -> None:
    web = bench.balancer.listeners["web"]
    bench.plane.listeners[web.number] = ListenerFigures(refused={"denied": 2, "client_rate": 1})
    result = looking.listeners(bench.call())
    assert result.data[0]["turned_away"] == {"denied": 2, "client_rate": 1}
    assert result.columns == (*rows.LISTENER_COLUMNS[:-2], "turned_away")
    assert rows.LISTENER_COLUMNS[-2:] == rows.RULED_LISTENER_COLUMNS[-2:] == rows.BYTES
    assert looking.status(bench.call()).data["listeners"][0]["turned_away"]["denied"] == 2


def test_groups(bench: Bench) -> None:
    bench.connect("app/ecs01#2", 2)
    taking_out.remove(bench.call(), ["app/ecs01"])
    app, api = data(looking.groups(bench.call()))
    assert (app["servers"], app["available"], app["draining"], app["connections"]) == (1, 1, 1, 2)
    assert (app["group"], app["scheduler"], app["timeout"]) == ("app", "wrr", 300.0)
    assert (api["group"], api["timeout"]) == ("api", "never")


def test_servers_of_all_groups_and_of_one(bench: Bench) -> None:
    everyone = [row["server"] for row in data(looking.servers(bench.call()))]
    assert everyone == ["app/ecs01#2", "app/ecs02#3", "api/ecs01#4"]
    assert [row["server"] for row in data(looking.servers(bench.call(), "api"))] == ["api/ecs01#4"]
    with pytest.raises(Refused, match="there is no server group zzz"):
        looking.servers(bench.call(), "zzz")


def test_a_server_with_its_three_facts_and_its_drain(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    connection.move(10, 200)
    row = bench.row(data(looking.servers(bench.call())), server="app/ecs01#2")
    assert (row["membership"], row["admin"], row["health"]) == ("registered", "ready", "passing")
    assert (row["state"], row["reason"], row["seconds_left"]) == ("healthy", "no_health_check", None)
    assert (row["connections"], row["received"], row["sent"]) == (1, 10, 200)
    taking_out.remove(bench.call(), ["app/ecs01"])
    bench.clock.advance(0.25)
    row = bench.row(data(looking.servers(bench.call())), server="app/ecs01#2")
    assert (row["membership"], row["admin"], row["state"]) == ("leaving", "ready", "draining")
    assert (row["reason"], row["seconds_left"]) == ("deregistered", 299.8)


def test_a_drain_without_a_deadline_is_shown_as_such(bench: Bench) -> None:
    bench.connect("api/ecs01#4")
    taking_out.drain(bench.call(), ["api/ecs01"], force=True, reason="kernel")
    (row,) = data(looking.drains(bench.call()))
    assert (row["subject"], row["seconds_left"], row["deadline"]) == ("api/ecs01#4", "never", "never")
    assert (row["cause"], row["who"], row["why"], row["state"]) == ("operator", "ada", "kernel", "running")
    server = bench.row(data(looking.servers(bench.call(), "api")), server="api/ecs01#4")
    assert server["seconds_left"] == "never"


def test_a_drain_with_its_times(bench: Bench) -> None:
    one, _ = bench.connect("app/ecs01#2", 2)
    taking_out.remove(bench.call(), ["app/ecs01"])
    bench.clock.advance(1.5)
    one.end()
    (row,) = data(looking.drains(bench.call()))
    assert (row["connections"], row["at_start"], row["seconds_left"]) == (1, 2, 298.5)
    assert (row["start"], row["deadline"]) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:18:20.000Z")


def test_connections_the_oldest_first_and_not_more_than_asked_for(bench: Bench) -> None:
    (old,) = bench.connect("app/ecs01#2")
    bench.clock.advance(10)
    (young,) = bench.connect("app/ecs02#3")
    assert [row["id"] for row in data(looking.connections(bench.call()))] == [old.id, young.id]
    assert [row["id"] for row in data(looking.connections(bench.call(), limit=1))] == [old.id]
    bench.connect("app/ecs02#3", 1000)
    assert len(data(looking.connections(bench.call()))) == 1000
    assert len(data(looking.connections(bench.call(), limit=0))) == 1002


def test_one_connection_as_it_is_shown(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    bench.clock.advance(2)
    connection.move(3, 4)
    bench.clock.advance(1)
    assert data(looking.connections(bench.call())) == [
        {
            "id": connection.id,
            "client": f"192.0.2.1:{connection.id}",
            "listener": "web",
            "server": "app/ecs01#2",
            "protocol": "tcp",
            "age": 3.0,
            "idle": 1.0,
            "received": 3,
            "sent": 4,
            "activity": "relaying",
            "method": "",
            "host": "",
            "path": "",
        }
    ]


def test_requests_are_shown_with_method_host_and_path(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    assert looking.connections(bench.call()).columns == rows.CONNECTION_COLUMNS
    (request,) = bench.connect("app/ecs02#3")
    request.request = ("GET", "example.com", "/index.html")
    result = looking.connections(bench.call())
    assert result.columns == rows.REQUEST_COLUMNS
    row = bench.row(result.data, id=request.id)
    assert (row["method"], row["host"], row["path"]) == ("GET", "example.com", "/index.html")
    assert set(result.columns) <= set(row)


def test_what_a_peer_sent_is_harmless_and_bounded(bench: Bench) -> None:
    (request,) = bench.connect("app/ecs01#2")
    request.request = ("GET\n", "\x1b[2Jexample.com\u202e", "/\x9b\x07" + "a" * 10_000)
    result = looking.connections(bench.call())
    (row,) = result.data
    assert (len(row["path"]), row["path"][-1]) == (rows.LONGEST, "…")
    shown = as_text(result.data, result.columns)
    assert shown.replace("\n", "").isprintable()
    assert len(shown.splitlines()) == 2
    assert max(map(len, as_text(result.data, result.columns, Page(80)).splitlines())) <= 80
    assert as_json(result.data).isprintable()


def test_the_longest_path_that_is_shown_whole(bench: Bench) -> None:
    (request,) = bench.connect("app/ecs01#2")
    request.request = ("GET", "example.com", "/" * rows.LONGEST)
    assert looking.connections(bench.call()).data[0]["path"] == "/" * rows.LONGEST


def test_connections_that_are_old_or_idle_enough(bench: Bench) -> None:
    old, busy = bench.connect("app/ecs01#2", 2)
    bench.clock.advance(10)
    busy.move(1)
    (young,) = bench.connect("app/ecs01#2")
    bench.clock.advance(5)
    call = bench.call()
    assert [row["id"] for row in data(looking.connections(call, older=10))] == [old.id, busy.id]
    assert [row["id"] for row in data(looking.connections(call, idle=15))] == [old.id]
    assert [row["id"] for row in data(looking.connections(call, older=0, idle=5))] == [
        old.id,
        busy.id,
        young.id,
    ]
    assert data(looking.connections(call, older=15, idle=15.1)) == []


def test_connections_of_a_group_a_server_and_one_stay_of_it(bench: Bench) -> None:
    (first,) = bench.connect("app/ecs01#2")
    (other,) = bench.connect("app/ecs02#3")
    (apart,) = bench.connect("api/ecs01#4")
    taking_out.remove(bench.call(), ["app/ecs01"])
    membership.add(bench.call(), "app", "ecs01", "10.0.0.9:80")
    (second,) = bench.connect("app/ecs01#5")

    def of(what: str | None) -> set[int]:
        return {row["id"] for row in data(looking.connections(bench.call(), what))}

    assert of(None) == {first.id, other.id, apart.id, second.id}
    assert of("app") == {first.id, other.id, second.id}
    assert of("app/ecs01") == {first.id, second.id}
    assert of("app/ecs01#2") == {first.id}
    assert of("app/ecs01#5") == {second.id}
    for unknown in ("zzz", "app/zzz", "app/ecs01#3"):
        with pytest.raises(Refused):
            of(unknown)
    with pytest.raises(UsageError):
        of("app/")


def test_rule_64_receipts_of_all_times_and_of_late(bench: Bench) -> None:
    one, _ = bench.connect("app/ecs01#2", 2)
    taking_out.remove(bench.call(), ["app/ecs01"], timeout=5.0, reason="old")
    one.end()
    bench.clock.advance(5)
    bench.clock.advance(100)
    taking_out.drain(bench.call(), ["app/ecs02"], force=True)
    first, second = data(looking.receipts(bench.call()))
    assert (first["subject"], first["cause"], first["outcome"]) == ("app/ecs01#2", "deregistered", "cut")
    assert (first["connections"], first["finished"], first["cut"], first["kept"]) == (2, 1, 1, 0)
    assert (first["start"], first["end"], first["seconds"]) == (
        "2023-11-14T22:13:20.000Z",
        "2023-11-14T22:13:25.000Z",
        5.0,
    )
    assert (first["who"], first["why"], first["deadline"]) == ("ada", "old", first["end"])
    assert second["outcome"] == "completed"
    assert data(looking.receipts(bench.call(), since=100.0)) == [first, second]
    assert data(looking.receipts(bench.call(), since=99.0)) == [second]


def test_rule_64_what_of_those_cut_were_requests_has_a_column_where_there_were_any(bench: Bench) -> None:
    request, tunnel = bench.connect("app/ecs01#2", 2)
    request.cut_as, tunnel.cut_as = Ending.ANSWERED, Ending.ABORTED
    taking_out.drain(bench.call(), ["app/ecs02"])
    assert looking.receipts(bench.call()).columns == rows.RECEIPT_COLUMNS
    taking_out.remove(bench.call(), ["app/ecs01"], timeout=0.0, force=True)
    result = looking.receipts(bench.call())
    place = result.columns.index("cut")
    assert result.columns[place : place + 4] == ("cut", "responses_5xx", "tunnels_aborted", "kept")
    row = bench.row(result.data, subject="app/ecs01#2")
    assert [row[name] for name in ("cut", *rows.OF_CUT)] == [2, 1, 0, 0, 1]


def test_the_status_is_one_screen_of_everything(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    bench.balancer.problems = ("lb.toml: no",)
    bench.balancer.log_problem = lambda: "access log: no space"
    bench.clock.advance(61.4)
    screen = data(looking.status(bench.call()))
    assert (screen["name"], screen["region"], screen["zone"]) == ("edge", "north", "")
    assert (screen["version"], screen["uptime"], screen["state"]) == (lbtwist.__version__, 61, "running")
    assert (screen["connections"], screen["problems"]) == (1, ["lb.toml: no", "access log: no space"])
    assert [len(screen[table]) for table in ("listeners", "groups", "servers", "drains")] == [1, 2, 3, 1]
    assert tuple(screen["servers"][0]) == rows.SERVER_COLUMNS


def test_the_status_has_the_fingerprint_of_the_host_key_where_there_is_a_console(bench: Bench) -> None:
    assert data(looking.status(bench.call()))["host_key"] is None
    bench.balancer.host_key = lambda: "SHA256:x"
    assert data(looking.status(bench.call()))["host_key"] == "SHA256:x"


def test_rule_70_the_status_tells_that_it_leaves(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    bench.balancer.stopService()
    screen = data(looking.status(bench.call()))
    assert (screen["state"], screen["listeners"][0]["state"]) == ("leaving", "closed")
    assert [row["subject"] for row in screen["drains"]] == ["load balancer edge"]
    connection.end()


def test_times_are_shown_in_utc_with_milliseconds() -> None:
    assert rows.instant(WALL + 0.25) == "2023-11-14T22:13:20.250Z"
    assert rows.instant(float("inf")) == "never"
