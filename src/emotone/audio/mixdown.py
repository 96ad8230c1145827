"""One signal from several channels, where their mean may cancel.

The two channels of a recording with inverted phase are equal up to their sign: their mean is silence, although each
channel contains the speech. Where the mean has far less energy than that of unrelated channels, the loudest channel
is used instead.

Key idea: the mean of N unrelated channels with energies e_1 ... e_N has the energy (e_1 + ... + e_N) / N^2, however
the energy is distributed over the channels. The ratio to it is 1 for unrelated channels, N for equal ones, and 0 for
channels that cancel.

The choice is made once per recording (or per part that is read), from the first 30 seconds that contain sound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.samples import pick_channel

if TYPE_CHECKING:
    from emotone.audio.samples import Channel
    from emotone.types import Array, Hertz, Seconds, Waveform

CANCELLED = 0.05  # 13 dB below unrelated channels; reached where two channels correlate with less than -0.95
SOUND = 1e-7  # mean square of -70 dBFS: quieter blocks are silence, and do not count as examined
EXAMINED: Seconds = 30.0


class MixMeter:
    """Measures whether the mean of the channels cancels.

    Args:
        rate: hertz.
        channels: number of channels.

    """

    def __init__(self, rate: Hertz, *, channels: int) -> None:
        self._rate = rate
        self._energies = np.zeros(channels)
        self._mix = 0.0
        self._examined = 0

    @property
    def decided(self) -> bool:
        """Whether enough sound was examined."""
        return self._examined >= EXAMINED * self._rate

    def add(self, block: Array) -> None:
        """Examine a block [frames, channels]."""
        energies = np.einsum("tc,tc->c", block, block, dtype=np.float64)
        if not energies.max(initial=0.0) > SOUND * len(block):
            return
        mean = pick_channel(block, "mix")
        self._energies += energies
        self._mix += float(np.einsum("t,t->", mean, mean, dtype=np.float64))
        self._examined += len(block)

    def channel(self) -> Channel:
        """Return "mix", or the loudest channel where the mean cancels."""
        unrelated = float(self._energies.sum()) / len(self._energies) ** 2
        if len(self._energies) > 1 and self._mix < CANCELLED * unrelated:
            return int(np.argmax(self._energies))
        return "mix"


def cancellation_note(channel: int) -> str:
    """Return the note for a recording whose channels cancel."""
    return f"the channels cancel each other (inverted phase); the loudest, channel {channel}, replaces the mix"


def mix_samples(waveform: Waveform, *, rate: Hertz) -> tuple[Array, tuple[str, ...]]:
    """Return the mix [time] of samples [channels, time], or their loudest channel where it cancels; and notes."""
    meter = MixMeter(rate, channels=len(waveform))
    for at in range(0, waveform.shape[1], rate):
        meter.add(waveform[:, at : at + rate].T)
        if meter.decided:
            break
    channel = meter.channel()
    notes = () if channel == "mix" else (cancellation_note(channel),)
    return pick_channel(waveform.T, channel), notes
