"""`enable` and `disable`: a listener that is known, and accepts nothing."""

from __future__ import annotations

import pytest

from lbtwist.errors import Refused
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.service.verbs import looking, switching
from tests.service.filed import Filed

FILE = """
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "tcp"
[server_groups.app.servers]
ecs01 = "10.0.0.1:80"
"""


@pytest.fixture
def filed() -> Filed:
    return Filed(FILE)


def state(filed: Filed) -> str:
    (row,) = looking.listeners(filed.bench.call()).data
    assert [row["state"]] == [each["state"] for each in looking.status(filed.bench.call()).data["listeners"]]
    return str(row["state"])


def disable(filed: Filed) -> None:
    (row,) = filed.run(switching.disable, "web", reason="moving")
    assert (row["listener"], row["state"]) == ("web", "disabled")


def test_rule_72_a_listener_that_is_disabled_drains_its_connections_and_stays_known(filed: Filed) -> None:
    (connection,) = filed.bench.connect("app/ecs01#2")
    disable(filed)
    assert (filed.bench.plane.bound, connection.live, state(filed)) == ({}, True, "disabled")
    filed.bench.clock.advance(300)
    (receipt,) = filed.balancer.drains.receipts
    assert (receipt.subject, receipt.who, receipt.why, receipt.cut) == ("listener web", "ada", "moving", 1)
    assert state(filed) == "disabled"


def test_enabled_it_accepts_again(filed: Filed) -> None:
    disable(filed)
    (row,) = filed.run(switching.enable, "web")
    assert (row["state"], row["endpoint"]) == ("listening", "127.0.0.1:8080")
    assert len(filed.bench.plane.bound) == 1


def test_neither_a_reload_nor_another_setting_enables_it(filed: Filed) -> None:
    disable(filed)
    filed.reload(FILE.replace("8080", "9090"))
    filed.set("listeners.web.max_connections", "7")
    assert (filed.bench.plane.bound, state(filed)) == ({}, "disabled")
    filed.run(switching.enable, "web")
    listener = filed.balancer.listeners["web"]
    assert (listener.address, listener.settings.max_connections) == ("127.0.0.1:9090", 7)


def test_one_that_is_disabled_is_removed_and_comes_back_enabled(filed: Filed) -> None:
    disable(filed)
    filed.unset("listeners.web")
    assert (list(filed.balancer.listeners), list(filed.balancer.drains)) == ([], [])
    filed.revert()
    assert state(filed) == "listening"


def test_another_listener_may_have_its_endpoint(filed: Filed) -> None:
    disable(filed)
    filed.reload(
        FILE.replace(":8080", ":9090") + '[listeners.b]\nendpoint = "127.0.0.1:8080"\nprotocol = "tcp"\n'
    )
    assert filed.balancer.listeners["b"].accepting


def test_where_the_endpoint_is_taken_it_stays_disabled(filed: Filed) -> None:
    disable(filed)
    filed.bench.plane.taken = [parse_endpoint("127.0.0.1:8080")]
    with pytest.raises(Refused, match=r"listeners\.web\.endpoint: 127\.0\.0\.1:8080: address already in use"):
        filed.run(switching.enable, "web")
    assert state(filed) == "disabled"


def test_what_is_so_already_and_what_is_not_there_are_refused(filed: Filed) -> None:
    with pytest.raises(Refused, match="listener web is enabled already"):
        filed.run(switching.enable, "web")
    disable(filed)
    with pytest.raises(Refused, match="listener web is disabled already"):
        filed.run(switching.disable, "web")
    with pytest.raises(Refused, match="there is no listener zzz"):
        filed.run(switching.disable, "zzz")


def test_a_dry_run_switches_nothing(filed: Filed) -> None:
    filed.run(switching.disable, "web", dry_run=True)
    assert state(filed) == "listening"


def test_a_load_balancer_that_leaves_is_not_hindered_by_it(filed: Filed) -> None:
    disable(filed)
    stopped = filed.balancer.stopService()
    assert stopped.called
    with pytest.raises(Refused, match="it is shutting down"):
        filed.run(switching.enable, "web")
