from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from lbtwist.errors import Refused
from lbtwist.service.verbs import whole
from lbtwist.service.verbs.registry import VERBS
from lbtwist.service.verbs.verb import Exit, Result
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


@pytest.mark.parametrize(
    ("changed", "told"), [(["listener web added"], ["listener web added"]), ([], ["nothing has changed"])]
)
def test_reload_tells_what_was_changed(bench: Bench, changed: list[str], told: list[str]) -> None:
    bench.balancer.reload = lambda: succeed(changed)
    done = result(whole.reload(bench.call()))
    assert (done.data, done.exit) == (told, Exit.DONE)


def test_reload_fails_as_the_reload_did(bench: Bench) -> None:
    caught: list[Failure] = []
    whole.reload(bench.call()).addErrback(caught.append)
    assert caught[0].check(Refused)


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


def test_apply_is_for_groups_that_are_discovered(bench: Bench) -> None:
    with pytest.raises(Refused, match="app is not discovered"):
        whole.apply(bench.call(), "app")
