"""Writes `waveform.npz`: the rows of raw samples are the samples.

Run from anywhere: python tests/golden/make_waveform.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("waveform.npz")
SIGNAL = (0.0, 0.5, -1.0, 1.0, 1.5, 2.0**-24, -0.25)  # some beyond full scale, some below 16 bits


def main() -> None:
    """Write the golden file."""
    signal = np.array(SIGNAL, np.float32)
    np.savez_compressed(
        GOLDEN, allow_pickle=False, signal=signal, default=np.array([[value] for value in SIGNAL], np.float32)
    )


if __name__ == "__main__":
    main()
