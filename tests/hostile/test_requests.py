"""Hostile requests through a real load balancer, judged by the bytes that its server received."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.functional.balancer import Balancer
from tests.functional.scale import scaled, told
from tests.hostile.balancing import balancing
from tests.hostile.judging import judge_requests
from tests.hostile.recorder import Recorder
from tests.hostile.request_cases import CASES, NEXT, Case, Fate
from tests.hostile.request_grammar import request
from tests.hostile.sending import CUTTINGS, Cutting, each, exchange, singing
from tests.hostile.strict import strict_requests

pytestmark = [pytest.mark.functional, pytest.mark.slow]

TURNS = scaled(3, 1)
"""How often each known request is sent; with all three, in every way."""
GENERATED = scaled(9000, 600)
"""Requests of the grammar; each is sent in one way, the next one in the next."""


def marked(case: Case, number: int) -> Case:
    """With a target that no other has, where the case leaves the target free."""
    mark = b" /m%d HTTP/1" % number
    return case._replace(data=case.data.replace(b" / HTTP/1", mark, 1))


async def fate(lb: Balancer, case: Case, cutting: Cutting) -> tuple[Case, bytes]:
    data = case.data + (NEXT if case.fate is not Fate.PASSED and case.data.endswith(b"\n") else b"")
    return case, await exchange(lb.address, cutting(data, Random(case.name)))


async def known_cases(folder: Path) -> tuple[list[tuple[Case, bytes]], Recorder]:
    async with Recorder().serving() as recorder, balancing(folder, recorder.port) as lb:
        pairs = [
            (marked(case, turn * len(CASES) + number), CUTTINGS[(turn + number) % len(CUTTINGS)])
            for turn in range(TURNS)
            for number, case in enumerate(CASES)
        ]
        async with singing(lb.address) as canaries:
            answers = await each(partial(fate, lb, case, cutting) for case, cutting in pairs)
        told(f"{len(pairs)} known requests, {sum(canary.sung for canary in canaries)} canaries")
    return answers, recorder


def test_known_requests_have_their_fate(tmp_path: Path) -> None:
    answers, recorder = asyncio.run(known_cases(tmp_path))
    streams = [bytes(stream) for stream in recorder.streams]
    assert recorder.refusals == []
    messages = [message for stream in streams for message in strict_requests(stream).messages]
    bodies = {message.first[1].encode(): message.body for message in messages}
    everything = b"\0".join(streams)
    for case, answer in answers:
        target = case.data.partition(b" ")[2].partition(b" ")[0]
        status = answer[9:12]
        if case.fate is Fate.PASSED:
            final = answer.rpartition(b"HTTP/1.1 100 ")[2].partition(b"HTTP/1.1 ")[2][:3]
            assert b"200" in (status, final), (case, answer)
            assert not target.startswith(b"/m") or bodies[target] == case.whole, (case, bodies[target])
        else:
            assert not answer or status[:1] in (b"4", b"5"), (case, answer)
            assert not target.startswith(b"/m") or target not in bodies, case
        if case.fate is Fate.KEPT_OUT and target.startswith(b"/m"):
            assert b" %b " % target not in everything, case
    told(f"refused by readers: {dict(judge_requests(streams))}")


async def generated(folder: Path) -> tuple[Counter[bytes], Recorder]:
    async with Recorder().serving() as recorder, balancing(folder, recorder.port) as lb:
        async with singing(lb.address) as canaries:
            answers = await each(
                partial(
                    exchange, lb.address, CUTTINGS[number % len(CUTTINGS)](request(number), Random(number))
                )
                for number in range(GENERATED)
            )
        sung = sum(canary.sung for canary in canaries)
    statuses = Counter(answer[9:12] for answer in answers)
    told(f"{GENERATED} generated requests: {dict(statuses)}; {sung} canaries")
    return statuses, recorder


def test_whatever_is_generated_goes_on_unambiguously_or_not_at_all(tmp_path: Path) -> None:
    statuses, recorder = asyncio.run(generated(tmp_path))
    assert recorder.refusals == []
    assert min(statuses[b"200"], statuses[b"400"]) > GENERATED / 10
    streams = [bytes(stream) for stream in recorder.streams]
    told(f"{len(streams)} connections; refused by readers: {dict(judge_requests(streams))}")
