"""Token buckets, against one that counts tokens in fractions."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.token_bucket import SECOND, Bucket, Buckets, Rate

RATES = st.builds(Rate, st.sampled_from([0.01, 0.5, 1.0, 2.0, 4.0, 1000.0]), st.integers(0, 5))
"""Those whose interval is whole nanoseconds."""
STEPS = st.lists(st.sampled_from([0, 1, SECOND // 1000, SECOND // 4, SECOND, 200 * SECOND]), max_size=60)
START = 12345 * SECOND + 678


class Tokens:
    """A bucket as the textbook has it."""

    def __init__(self, rate: Rate) -> None:
        self.rate = Fraction(str(rate.per_second)) / SECOND
        self.size = Fraction(rate.size)
        self.tokens = self.size
        self.at = 0

    def fill(self, now: int) -> None:
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)
        self.at = now

    def wait(self, now: int) -> int:
        self.fill(now)
        return max(0, math.ceil((1 - self.tokens) / self.rate))

    def take(self, now: int) -> None:
        self.fill(now)
        self.tokens -= 1


@given(RATES, STEPS)
def test_it_is_a_bucket_of_tokens(rate: Rate, steps: list[int]) -> None:
    bucket, tokens, now = Bucket(rate), Tokens(rate), START
    for step in steps:
        now += step
        assert bucket.wait(now) == tokens.wait(now)
        if not bucket.wait(now):
            bucket.take(now)
            tokens.take(now)


@given(RATES, st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from([0, SECOND // 4, 10 * SECOND]))))
def test_each_client_has_its_own(rate: Rate, visits: list[tuple[str, int]]) -> None:
    buckets, now = Buckets(rate), START
    own: defaultdict[str, Tokens] = defaultdict(lambda: Tokens(rate))
    for client, step in visits:
        now += step
        assert buckets.wait(client, now) == own[client].wait(now)
        if not buckets.wait(client, now):
            buckets.take(client, now)
            own[client].take(now)


@given(RATES, st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0, SECOND // 4, 10 * SECOND]))))
def test_in_a_full_table_no_client_gets_more_than_its_rate(rate: Rate, visits: list[tuple[int, int]]) -> None:
    """Also who goes from a bucket that it shares to one of its own, and back."""
    buckets, now = Buckets(rate, most=3, shared=2), START
    own: defaultdict[str, Tokens] = defaultdict(lambda: Tokens(rate))
    for number, step in visits:
        now += step
        client = f"10.0.0.{number}"
        if not buckets.wait(client, now):
            assert not own[client].wait(now)
            buckets.take(client, now)
            own[client].take(now)
        assert len(buckets) <= 3


def test_a_third_of_a_second_is_exact() -> None:
    """Sums of floats are not: the third of three at once would have to wait."""
    bucket = Bucket(Rate(3.0, 3))
    for _ in range(3):
        assert not bucket.wait(START)
        bucket.take(START)
    assert bucket.wait(START) == Rate(3.0).interval


@pytest.mark.parametrize(
    ("rate", "size", "interval"),
    [
        (Rate(20.0), 20, SECOND // 20),
        (Rate(20.0, 40), 40, SECOND // 20),
        (Rate(0.1), 1, 10 * SECOND),
        (Rate(1.5), 2, 666_666_667),
        (Rate(1e12), 10**12, 1),
    ],
)
def test_a_burst_is_as_many_as_come_in_a_second(rate: Rate, size: int, interval: int) -> None:
    assert (rate.size, rate.interval) == (size, interval)


def test_clients_whose_buckets_are_full_take_no_memory() -> None:
    buckets = Buckets(Rate(1.0))
    for number in range(1000):
        buckets.take(f"a{number}", START)
    assert len(buckets) == 1000
    later = START + SECOND
    for number in range(501):
        buckets.take(f"b{number}", later)
    assert len(buckets) == 501


def test_a_client_that_comes_again_and_again_does_not_keep_the_others_in_memory() -> None:
    buckets = Buckets(Rate(1.0, 10))
    buckets.take("busy", START)
    buckets.take("busy", START)
    for number in range(10):
        buckets.take(f"10.0.0.{number}", START)
    for second in range(1, 8):
        buckets.take("busy", START + second * SECOND)
    assert len(buckets) == 1


def test_a_flood_of_clients_does_not_make_it_forget_one() -> None:
    """Neither who has spent all, nor those of the flood itself: they share what is left."""
    buckets = Buckets(Rate(0.01, 2), most=100, shared=8)
    buckets.take("spent", START)
    buckets.take("spent", START)
    admitted = 0
    for number in range(10_000):
        if not buckets.wait(f"10.0.{number}", START):
            buckets.take(f"10.0.{number}", START)
            admitted += 1
    assert len(buckets) == 100
    assert admitted == 99 + 8 * 2
    assert buckets.wait("spent", START) == 100 * SECOND
    later = START + 200 * SECOND
    assert not buckets.wait("new", later)
