"""Count the speech that `emotone.audio.activity` detects in real recordings, and write the counts for docs/.

    OMP_NUM_THREADS=1 python scripts/evaluate_activity.py CORPORA

CORPORA contains the folders that scripts/train_activity.py needs, all of AMI's excerpts (trn*, dev*, tst* and an RTTM
file per split), and a folder for every name in SPEECH. The script writes results/activity/scores.json, from whose
counts `make docs` generates docs/results/activity.md. It takes about a minute.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.activity import WEIGHTS, speech_activity

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parent.parent
SCORES = ROOT / "results/activity/scores.json"
SPEECH = ("emodb", "ravdess", "nemo", "savee", "emovo", "librispeech", "asr")
SPLITS = {"train": "trn", "development": "dev", "test": "tst"}
ACCEPTED = 20  # active frames, 0.2 s


def count(paths: Iterable[Path]) -> dict[str, int]:
    """Return the number of clips and of 10 ms frames, and of those that are detected as speech."""
    from scripts.train_activity import load

    total: Counter[str] = Counter(clips=0, heard=0, frames=0, active=0)
    for path in paths:
        activity = speech_activity(load(path))
        active = int(activity.sum())
        total.update(clips=1, heard=int(active >= ACCEPTED), frames=len(activity), active=active)
    return dict(total)


def speech(corpora: Path) -> dict[str, dict[str, dict[str, int]]]:
    """Return the counts of every corpus of speech, of clips that were trained on and of all others."""
    from scripts.train_activity import RECORDINGS, speech_clips

    trained = set(speech_clips(corpora))
    out = {}
    for name in SPEECH:
        paths = sorted(path for path in (corpora / name).rglob("*.*") if path.suffix in RECORDINGS)
        if not paths:
            raise SystemExit(f"no recordings of {name} in the folder of corpora; allowed: {', '.join(RECORDINGS)}")
        out[name] = {
            "trained": count(path for path in paths if path in trained),
            "other": count(path for path in paths if path not in trained),
        }
        print(f"{name}: {out[name]}", file=sys.stderr)
    return out


def sounds(corpora: Path) -> dict[str, dict[str, dict[str, int]]]:
    """Return the counts of every class of ESC-10, of the folds that were trained on and of those that were not."""
    from scripts.train_activity import sound_clips

    trained, held_out = (sound_clips(corpora, held_out=held_out) for held_out in (False, True))
    return {name: {"trained": count(trained[name]), "held_out": count(held_out[name])} for name in trained}


def meetings(corpora: Path) -> dict[str, dict[str, int]]:
    """Return for every split of AMI how many frames are speech, are called so, and are both."""
    from scripts.train_activity import load, meeting_turns

    out = {}
    for split, prefix in SPLITS.items():
        total: Counter[str] = Counter()
        for path in sorted((corpora / "ami").glob(f"{prefix}*.flac")):
            prediction = speech_activity(load(path))
            truth = meeting_turns(corpora, split, path.stem, len(prediction))
            total.update(recordings=1, frames=len(truth), speech=int(truth.sum()), active=int(prediction.sum()))
            total.update(both=int(np.sum(truth & prediction)))
        out[split] = dict(total)
    return out


def main() -> int:
    """Return the exit status."""
    sys.path.insert(0, str(ROOT))  # run as a script, its own folder is on the path instead
    parser = argparse.ArgumentParser(description="Count the speech that the detector finds in real recordings.")
    parser.add_argument("corpora", type=Path, help="folder with the corpora")
    corpora = parser.parse_args().corpora
    scores = {"weights": WEIGHTS, "esc10": sounds(corpora), "ami": meetings(corpora), "speech": speech(corpora)}
    SCORES.parent.mkdir(parents=True, exist_ok=True)
    SCORES.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    print(f"written: {SCORES.relative_to(ROOT)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
