"""Progress of a long run as lines of text: how much is done, how fast, and how long it will take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emotone.inference.display import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.scale.run import PartRecord
    from emotone.types import Seconds


@dataclass
class Throughput:
    """Counts finished recordings.

    Attributes:
        total: recordings of the run.
        done: finished recordings, those of earlier processes included.
        failed: recordings without a result.
        now: the clock, in seconds.

    """

    total: int
    done: int = 0
    failed: int = 0
    now: Callable[[], Seconds] = time.monotonic
    _new: int = field(default=0, init=False)
    _audio: Seconds = field(default=0.0, init=False)
    _start: Seconds = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._start = self.now()

    def add(self, record: PartRecord) -> None:
        """Count a part."""
        self.done += record.recordings
        self._new += record.recordings
        self.failed += len(record.failures)
        self._audio += record.seconds

    def line(self) -> str:
        """Return e.g. `1,200 of 20,000 recordings, 41.0 per second, 92 times real time, 7:38 left, 3 failed`."""
        passed = max(self.now() - self._start, 1e-9)
        parts = [f"{self.done:,} of {self.total:,} recordings"]
        if self._new:
            rate = self._new / passed
            parts += [f"{rate:.1f} per second", f"{self._audio / passed:.0f} times real time"]
            if self.done < self.total:
                parts.append(f"{clock((self.total - self.done) / rate)} left")
        return ", ".join(parts + ([f"{self.failed} failed"] if self.failed else []))
