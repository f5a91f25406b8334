"""How often each of many sources may do something: token buckets, in a table of bounded size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    """When it had so many; those beyond the burst are dropped when it is looked at."""


class Allowances:
    """Each source may do something `burst` times at once, and `rate` times a second for ever.

    Of the sources that did something lately, the last `most` are known; one that was forgotten has its whole
    burst again. Times are given, in seconds of any steady clock.
    """

    def __init__(self, burst: int, rate: float, most: int = 1024) -> None:
        self._burst = burst
        self._rate = rate
        self._most = most
        self._buckets: dict[str, _Bucket] = {}  # in the order of their last use

    def __len__(self) -> int:
        return len(self._buckets)

    def allows(self, source: str, now: float) -> bool:
        """Whether `source` may do it now; nothing is counted."""
        bucket = self._buckets.get(source)
        return bucket is None or self._filled(bucket, now) >= 1

    def take(self, source: str, now: float) -> bool:
        """Count one more of `source`, if it may; whether it may."""
        tokens = self._take_out(source, now)
        allowed = tokens >= 1
        self._put(source, tokens - 1 if allowed else tokens, now)
        return allowed

    def give_back(self, source: str, now: float) -> None:
        """One that was counted does not count."""
        if source in self._buckets:
            self._put(source, self._take_out(source, now) + 1, now)

    def _take_out(self, source: str, now: float) -> float:
        bucket = self._buckets.pop(source, None)
        return self._burst if bucket is None else self._filled(bucket, now)

    def _put(self, source: str, tokens: float, now: float) -> None:
        self._buckets[source] = _Bucket(tokens, now)
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]

    def _filled(self, bucket: _Bucket, now: float) -> float:
        return min(bucket.tokens + (now - bucket.at) * self._rate, self._burst)
