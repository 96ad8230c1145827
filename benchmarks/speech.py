"""Recordings for the benchmarks, from real or synthetic speech."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soundfile
from benchmarks.base import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.base import Setting

    from emotone.types import Array, Hertz, Seconds

RATE: Hertz = 16_000
NOISE = 1e-3  # -60 dBFS: no two tiles are equal
EXAMPLES = ROOT / "examples"


def sentence(seconds: Seconds) -> Array:
    """Return the example conversation [time], cut or repeated to a length."""
    signal, _ = soundfile.read(EXAMPLES / "conversation.flac", dtype="float32")
    wanted = round(seconds * RATE)
    return np.resize(signal[RATE // 3 :], wanted)  # from the first word on


def write_short(path: Path, *, seconds: Seconds) -> Path:
    """Write a short recording and return its path."""
    soundfile.write(path, sentence(seconds), RATE, subtype="PCM_16")
    return path


def write_long(path: Path, *, seconds: Seconds, tile: Array) -> Path:
    """Write a recording of any length, tile by tile with different noise, in constant memory."""
    rng = np.random.default_rng(0)
    left = round(seconds * RATE)
    with soundfile.SoundFile(path, "w", samplerate=RATE, channels=1, subtype="PCM_16") as file:
        while left > 0:
            piece = tile[:left]
            file.write(piece + NOISE * rng.standard_normal(len(piece), dtype=np.float32))
            left -= len(piece)
    return path


def tile(setting: Setting) -> Array:
    """Return about a minute of speech [time]: sentences of Emo-DB if available, else the example."""
    found = sorted((setting.shared / "corpora/emodb/wav").glob("*.flac"))[:25] if setting.shared else []
    if not found:
        return sentence(60.0)
    return np.concatenate([soundfile.read(path, dtype="float32")[0] for path in found])


def clips(shared: Path, *, count: int) -> list[Path]:
    """Return real clips: 40 % of Emo-DB (FLAC), 40 % of RAVDESS (OGG) and 20 % of nEMO, evenly spaced."""
    folders = {"emodb": 2, "ravdess": 2, "nemo": 1}
    total = sum(folders.values())
    chosen: list[Path] = []
    for name, share in folders.items():
        found = sorted(path for path in (shared / "corpora" / name).rglob("*") if path.suffix in {".flac", ".ogg"})
        wanted = count * share // total
        chosen.extend(found[index * len(found) // wanted] for index in range(wanted))
    return chosen


def linked(paths: list[Path], folder: Path) -> Path:
    """Return a new folder with links to recordings, whose names are numbers."""
    folder.mkdir()
    for index, path in enumerate(paths):
        (folder / f"{index:04}{path.suffix}").symlink_to(path.resolve())
    return folder
