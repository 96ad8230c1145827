"""Measure the share of recordings whose label does not change when their level does.

python scripts/level_agreement.py RECORDING... [--model default]
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import emotone
from emotone.audio.read import read

RATE = 16000
GAINS = (6, -6, -12, -20, -30, -40)  # decibels


def main() -> int:
    """Print the share of unchanged labels for each gain; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    model = emotone.load(arguments.model)
    signals = [read(path, rate=RATE)[0] for path in arguments.recordings]
    level = np.median([10 * np.log10(np.mean(np.square(signal)) + 1e-12) for signal in signals])
    print(f"{len(signals)} recordings, median level {level:.1f} dBFS")
    before = [model.predict(signal, rate=RATE).clip.label for signal in signals]
    for gain in GAINS:
        factor = np.float32(10 ** (gain / 20))
        after = [model.predict(signal * factor, rate=RATE).clip.label for signal in signals]
        unchanged = np.mean([one == other for one, other in zip(before, after, strict=True)])
        print(f"{gain:+d} dB: {100 * unchanged:.0f} % have the same label")
    return 0


if __name__ == "__main__":
    sys.exit(main())
