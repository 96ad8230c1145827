"""Writes `whisper_mfcc_pitch.npz`: the rows of both parts by definition, slowly.

Run from the repository's root: python -m tests.golden.make_whisper_mfcc_pitch
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.golden import make_mfcc_pitch, make_whisper_log_mel

GOLDEN = Path(__file__).with_name("whisper_mfcc_pitch.npz")


def main() -> None:
    """Write the file."""
    signal = make_mfcc_pitch.make_signal()
    rows = np.concatenate([make_whisper_log_mel.make_rows(signal), make_mfcc_pitch.make_rows(signal)], axis=1)
    np.savez_compressed(GOLDEN, allow_pickle=False, signal=np.array(signal, np.float32), default=rows)


if __name__ == "__main__":
    main()
