from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from lbtwist.errors import Refused
from lbtwist.service.verbs.registry import VERBS
from lbtwist.service.verbs.verb import Result
from tests.service.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench("[server_groups.app]\n")


def result(answer: Result | Deferred[Result]) -> Result:
    if isinstance(answer, Result):
        return answer
    got: list[Result] = []
    answer.addCallback(got.append)
    return got[0]


def test_help_lists_every_verb_and_itself(bench: Bench) -> None:
    table = result(VERBS["help"].run(bench.call())).data
    assert [row["verb"] for row in table] == list(VERBS)
    assert all(row["summary"] for row in table)


def test_help_tells_how_a_verb_is_used(bench: Bench) -> None:
    told = result(VERBS["help"].run(bench.call(), "extend")).data
    assert (told["verb"], told["role"]) == ("extend", "operate")
    assert told["parameters"][:2] == [
        {"parameter": "server", "takes": "server", "required": True, "help": ""},
        {"parameter": "--timeout", "takes": "timeout", "required": True, "help": "from now"},
    ]


@pytest.mark.parametrize(
    ("verb", "message"),
    [("remov", "there is no verb remov; did you mean remove?"), ("xyzzy", "there is no verb xyzzy$")],
)
def test_help_refuses_what_is_no_verb(bench: Bench, verb: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        VERBS["help"].run(bench.call(), verb)
