"""The clock of a recording: late starts and gaps in the timestamps become silence of that length.

Containers with several tracks store when each block of sound is played. A decoder that only concatenates the blocks
would report too early times for everything after a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emotone.types import Hertz, Seconds

TOLERANCE: Seconds = 0.1  # containers round timestamps to 1 ms, and encoders start up to 0.05 s early
MAX_GAP: Seconds = 3600.0  # a longer gap is a clock that was set, or a counter that overflowed
MAX_SILENCE = (
    100  # times the sound: more silence than this, and than one gap can be, is a wrong scale of the timestamps
)
MIN_NOTED: Seconds = 1.0


class Timeline:
    """Maps timestamps to sample positions.

    Args:
        rate: hertz.
        origin: timestamp of the start of the recording, in seconds; None for the first one.

    """

    def __init__(self, rate: Hertz, *, origin: Seconds | None) -> None:
        self._rate = rate
        self._origin = origin
        self._silence = 0
        self._late = 0
        self._jumps = 0
        self.at = 0
        """Samples per channel so far, silence included."""

    def silence_before(self, timestamp: Seconds | None) -> int:
        """Return the samples of silence before a block with this timestamp."""
        if timestamp is None:
            return 0
        if self._origin is None:
            self._origin = timestamp
        ahead = timestamp - self._origin - self.at / self._rate
        # With another clock, the block follows directly.
        if ahead > MAX_GAP or ahead < -TOLERANCE or self._is_wrong_scale(ahead):
            self._origin += ahead
            self._jumps += abs(ahead) >= MIN_NOTED
            return 0
        if ahead <= TOLERANCE:
            return 0
        count = round(ahead * self._rate)
        if self.at == 0:
            self._late = count
        else:
            self._silence += count
        return count

    def _is_wrong_scale(self, ahead: Seconds) -> bool:
        """Return whether a gap would make nearly everything silence, as timestamps in a wrong unit do."""
        sound = (self.at - self._silence - self._late) / self._rate
        silence = self._silence / self._rate + ahead
        return self.at > 0 and silence > MAX_GAP and silence > MAX_SILENCE * sound

    def notes(self) -> list[str]:
        """Return what callers should know about the clock."""
        notes = []
        if self._late:
            notes.append(f"the sound starts at {self._late / self._rate:.2f} s; there is silence before it")
        if self._silence:
            notes.append(f"gaps in the timestamps were filled with {self._silence / self._rate:.2f} s of silence")
        if self._jumps:
            notes.append(f"the timestamps jump {self._jumps} times; times are counted from the samples there")
        return notes
