"""Latencies counted in buckets: microseconds, each bucket at most 1.6 % wide, memory that does not grow with requests."""

from math import ceil

_FINE = 64
_BITS = _FINE.bit_length()


class Histogram:
    """Counts of durations; quantiles are told as the upper edge of their bucket, so never too low."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.total = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        micros = int(seconds * 1e6)
        shift = max(0, micros.bit_length() - _BITS)
        bucket = shift * _FINE + (micros >> shift)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.total += 1

    def quantile(self, share: float) -> float:
        """Seconds that this share of all durations does not exceed; NaN when there are none."""
        wanted, seen = max(1, ceil(share * self.total)), 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return _edge(bucket) / 1e6
        return float("nan")

    def above(self, seconds: float) -> int:
        """How many took longer, by the edges of their buckets."""
        return sum(count for bucket, count in self._counts.items() if _edge(bucket) > seconds * 1e6)


def _edge(bucket: int) -> int:
    """The end of a bucket in microseconds: the first value that is not in it."""
    if bucket < 2 * _FINE:
        return bucket + 1
    shift = bucket // _FINE - 1
    return (bucket - shift * _FINE + 1) << shift
