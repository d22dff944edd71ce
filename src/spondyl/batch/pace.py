"""How fast a run goes, and how long it still takes."""

import time
from collections.abc import Callable

__all__ = ["Pace"]


class Pace:
    """Throughput since the start of a run, by the scans that took work.

    Scans skipped because they were done before cost next to nothing, and would promise too much.

    Args:
        count: Scans in all.
        clock: Seconds, for tests.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = count
        self.seen = 0
        self._worked = 0
        self._clock = clock
        self._start = clock()

    def add(self, *, worked: bool) -> None:
        """Count a scan; ``worked``: it was not just skipped."""
        self.seen += 1
        self._worked += worked

    @property
    def per_minute(self) -> float | None:
        """Scans a minute; ``None`` before the first."""
        elapsed = self._clock() - self._start
        return 60 * self._worked / elapsed if self._worked and elapsed > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the last scan is done, if the others go on like this; ``None`` before the first."""
        rate = self.per_minute
        return None if rate is None else 60 * (self.count - self.seen) / rate

    def __str__(self) -> str:
        """In words, e.g. ``14.2 scans/min, 6 min left``; empty before the first scan."""
        rate, left = self.per_minute, self.seconds_left
        if rate is None or left is None:
            return ""
        speed = f"{rate:.3g} scans/min" if rate < 1000 else f"{rate:.0f} scans/min"
        return speed if self.seen >= self.count else f"{speed}, {_duration(left)} left"


def _duration(seconds: float) -> str:
    """Two figures are enough: 40 s, 12 min, 3.5 h, 12 d."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 72 * 3600 else f"{seconds / 86400:.0f} d"
