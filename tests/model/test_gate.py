"""Who is let in, by which of the limits, and what is remembered when they change."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.access import End
from lbtwist.model.gate import Gate
from lbtwist.model.network import parse_network
from lbtwist.model.plane import ListenerPolicy
from lbtwist.model.token_bucket import Rate

NOW = 1000.0


def policy(allow: str = "", deny: str = "", **keys: Any) -> ListenerPolicy:
    allowed, denied = (tuple(map(parse_network, text.split())) for text in (allow, deny))
    return ListenerPolicy(1, "web", "app", allow=allowed, deny=denied, **keys)


def gate_with(allow: str = "", deny: str = "", **keys: Any) -> Gate:
    gate = Gate()
    gate.follow(policy(allow, deny, **keys), tuple)
    return gate


def end(gate: Gate, host: str = "10.0.0.1", now: float = NOW) -> End | None:
    verdict = gate.judge(host, now)
    return verdict and verdict.end


@pytest.mark.parametrize(
    ("allow", "deny", "admitted", "denied"),
    [
        ("", "10.0.0.0/24", "10.0.1.1", "10.0.0.1"),
        ("10.0.0.0/24", "", "10.0.0.1", "10.0.1.1"),
        ("10.0.0.0/24", "10.0.0.0/28", "10.0.0.16", "10.0.0.15"),
        ("10.0.0.1/32", "10.0.0.0/8", "", "10.0.0.1"),
        ("10.0.0.0/8", "", "10.0.0.1", "2001:db8::1"),
        ("", "10.0.0.0/8", "2001:db8::1", "::ffff:10.0.0.1"),
    ],
)
def test_deny_beats_allow_and_an_allow_refuses_the_rest(
    allow: str, deny: str, admitted: str, denied: str
) -> None:
    gate = gate_with(allow, deny)
    assert gate.judges
    assert (end(gate, admitted), end(gate, denied)) == (None, End.DENIED)


def test_where_nothing_is_said_nothing_is_judged() -> None:
    gate = gate_with()
    assert not gate.judges
    assert not gate.per_client.counting
    assert end(gate) is None


def test_before_it_is_told_what_to_judge_by_all_come_in() -> None:
    gate = Gate()
    assert not gate.judges
    assert end(gate) is None


def test_a_client_has_so_many_connections() -> None:
    gate = gate_with(max_connections_per_client=2)
    for _ in range(2):
        assert end(gate, "2001:db8::1") is None
        gate.per_client.enter("2001:db8::2")
    assert (end(gate, "2001:db8::1"), end(gate, "2001:db8:0:1::1")) == (End.CLIENT_LIMIT, None)
    gate.per_client.leave("2001:db8::2")
    assert end(gate, "2001:db8::1") is None


def test_a_client_makes_so_many_in_a_second() -> None:
    gate = gate_with(client_rate=Rate(2.0))
    assert [end(gate) for _ in range(3)] == [None, None, End.CLIENT_RATE]
    assert end(gate, "10.0.0.2") is None
    verdict = gate.judge("10.0.0.1", NOW + 0.25)
    assert verdict is not None
    assert verdict.wait == 0.25
    assert [end(gate, now=NOW + 0.5) for _ in range(2)] == [None, End.CLIENT_RATE]


def test_all_clients_make_so_many() -> None:
    gate = gate_with(total_rate=Rate(10.0, 2))
    ends = [end(gate, f"10.0.0.{number}") for number in range(3)]
    assert ends == [None, None, End.TOTAL_RATE]
    assert gate.judge("10.0.0.3", NOW + 0.025) == (End.TOTAL_RATE, 0.075)


def test_who_is_refused_takes_no_token() -> None:
    """Neither one of all, which would be others', nor one of its own where all have none."""
    gate = gate_with("", "10.9.0.0/16", client_rate=Rate(1.0), total_rate=Rate(1.0, 3))
    ends = [end(gate, host) for host in ("10.9.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3")]
    assert ends == [End.DENIED, None, End.CLIENT_RATE, None, None]
    assert end(gate, "10.0.0.4") is End.TOTAL_RATE
    assert [end(gate, "10.0.0.4", NOW + 1) for _ in range(2)] == [None, End.CLIENT_RATE]


def test_who_has_no_address_is_judged_by_the_rate_of_all_alone() -> None:
    gate = gate_with("10.0.0.0/8", "", max_connections_per_client=1, client_rate=Rate(1.0))
    gate.per_client.enter("")
    assert [end(gate, "") for _ in range(3)] == [None] * 3
    gate = gate_with(total_rate=Rate(1.0))
    assert [end(gate, "") for _ in range(2)] == [None, End.TOTAL_RATE]


def test_a_change_of_one_limit_leaves_what_is_known_for_the_others() -> None:
    gate = gate_with(client_rate=Rate(1.0), total_rate=Rate(1.0, 5))
    assert end(gate) is None
    gate.follow(policy(deny="10.0.0.2/32", client_rate=Rate(1.0), total_rate=Rate(9.0, 9)), tuple)
    assert (end(gate), end(gate, "10.0.0.2")) == (End.CLIENT_RATE, End.DENIED)


def test_a_rate_that_is_changed_begins_with_full_buckets() -> None:
    """Else who has come often at the old rate would wait as long as that was slow."""
    gate = gate_with(client_rate=Rate(0.01, 1))
    assert [end(gate) for _ in range(2)] == [None, End.CLIENT_RATE]
    gate.follow(policy(client_rate=Rate(100.0, 1)), tuple)
    assert end(gate) is None
    gate.follow(policy(), tuple)
    assert not gate.judges


def test_the_rate_of_all_stands_until_it_is_changed() -> None:
    gate = gate_with(total_rate=Rate(1.0))
    assert end(gate) is None
    gate.follow(policy(total_rate=Rate(1.0)), tuple)
    assert end(gate) is End.TOTAL_RATE
    gate.follow(policy(), tuple)
    assert not gate.judges
    assert end(gate) is None


def test_who_is_connected_when_a_limit_is_set_counts() -> None:
    gate = gate_with()
    gate.follow(policy(max_connections_per_client=2), lambda: ["10.0.0.1", "10.0.0.1", "10.0.0.2"])
    assert (end(gate, "10.0.0.1"), end(gate, "10.0.0.2")) == (End.CLIENT_LIMIT, None)
    gate.follow(policy(max_connections_per_client=3), lambda: [])
    assert (gate.per_client.of("10.0.0.1"), end(gate, "10.0.0.1")) == (2, None)
    gate.follow(policy(), lambda: [])
    assert not gate.per_client.counting
