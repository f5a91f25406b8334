"""Hostile responses through a real load balancer, judged by what its client received."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.functional.scale import scaled, told
from tests.hostile.balancing import balancing
from tests.hostile.hostile_server import Answer, HostileServer
from tests.hostile.judging import judge_responses
from tests.hostile.response_cases import CASES, Case, Fate
from tests.hostile.response_grammar import response
from tests.hostile.sending import CUTTINGS, Pieces, each, exchange, singing, with_one_end
from tests.hostile.strict import strict_responses

pytestmark = [pytest.mark.functional, pytest.mark.slow]

TURNS = scaled(3, 1)
"""How often each known response is sent; with all three, in every way."""
GENERATED = scaled(6000, 300)
SHORT = "request_timeout = 5\nidle_timeout = 5"
"""For servers that owe something and say nothing more."""


async def received(folder: Path, cases: Sequence[Case]) -> list[bytes]:
    """What the client of each got."""
    targets = [b"/%d" % number for number in range(len(cases))]
    answers = {
        target: Answer(cut(case, number), case.closes)
        for number, (target, case) in enumerate(zip(targets, cases, strict=True))
    }
    async with (
        HostileServer(answers).serving() as server,
        balancing(folder, server.port, listener=SHORT) as lb,
        singing(lb.address) as canaries,
    ):
        heard = await each(
            partial(exchange, lb.address, [b"%b %b HTTP/1.1\r\nHost: a\r\n\r\n" % (case.method, target)])
            for target, case in zip(targets, cases, strict=True)
        )
    told(f"{len(cases)} responses, {sum(canary.sung for canary in canaries)} canaries")
    return heard


def cut(case: Case, number: int) -> Pieces:
    cutting = CUTTINGS[(number + number // len(CASES)) % len(CUTTINGS)]
    return (with_one_end(cutting) if case.excess else cutting)(case.data, Random(number))


def test_known_responses_have_their_fate(tmp_path: Path) -> None:
    cases = CASES * TURNS
    heard = asyncio.run(received(tmp_path, cases))
    for case, stream in zip(cases, heard, strict=True):
        messages = strict_responses(stream, case.method.decode()).messages
        finals = [message for message in messages if not message.first[0].startswith("1")]
        if case.fate is Fate.PASSED:
            assert [message.body for message in finals] == [case.content], (case, stream)
            assert finals[0].first != ("502",), (case, stream)
        elif case.fate is Fate.REFUSED:
            assert [message.first for message in finals] == [("502",)], (case, stream)
        else:
            assert [message for message in finals if message.first != ("502",)] == [], (case, stream)
    told(f"refused by readers: {dict(judge(cases, heard))}")


def test_whatever_is_generated_is_read_alike_by_clients_or_not_passed(tmp_path: Path) -> None:
    methods = (b"GET",) * 8 + (b"HEAD",)
    cases = [
        Case(
            f"{number}",
            response(number),
            Fate.PASSED,
            closes=number % 2 == 0,
            method=methods[number % len(methods)],
            excess=True,
        )
        for number in range(GENERATED)
    ]
    heard = asyncio.run(received(tmp_path, cases))
    statuses = Counter(stream[9:12] for stream in heard)
    told(f"{dict(statuses)}; refused by readers: {dict(judge(cases, heard))}")
    assert min(statuses[b"200"], statuses[b"502"]) > GENERATED / 10


def judge(cases: Sequence[Case], heard: Sequence[bytes]) -> Counter[str]:
    return judge_responses([(s, case.method.decode()) for case, s in zip(cases, heard, strict=True)])
