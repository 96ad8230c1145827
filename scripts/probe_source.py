"""Probe the layers of a finished source, beside twins that learned nothing, and keep what is found for docs/.

    OMP_NUM_THREADS=1 python scripts/probe_source.py RUN RECIPE TEACHER CORPORA

RUN is a folder that `emotone sources train RECIPE` finished, TEACHER the teacher's file, and CORPORA holds a folder for
every sound of the recipe and for every name in EMOTIONS. Written into results/sources/NAME are the run and what its
layers tell of ESC-10's sounds and of emotions. `make docs` makes the card from them and from NOTES.md there. Takes
about ten minutes on a core that nobody else uses.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.audio.read import read
from emotone.corpora.base import CORPORA
from emotone.corpora.scan import scan
from emotone.fitting.distillation.probe import Comparison, compare, compare_on
from emotone.fitting.distillation.results import save_results
from emotone.fitting.distillation.run import Ready, load_source_run, load_student, prepare
from emotone.fitting.distillation.sound import RATE
from emotone.recipes.source_recipe import read_source_recipe

if TYPE_CHECKING:
    from emotone.nets.blocks.waveform import ManyHeads

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results/sources"
EMOTIONS = ("savee", "emovo")  # no source may hear them while it learns; a fold is a speaker
SOUNDS, LABEL = "esc10", r"^\d+ - ([^/]+)/"


def emotions(ready: Ready, net: ManyHeads, *, name: str, folder: Path) -> Comparison:
    """Return what the layers tell of the emotions in a corpus, each speaker in turn held out."""
    utterances = scan(CORPORA.get(name), folder).utterances
    signals = [read(utterance.path, rate=RATE)[0] for utterance in utterances]
    labels = [str(utterance.label) for utterance in utterances]
    speakers = [str(utterance.speaker) for utterance in utterances]
    return compare_on(ready, net, signals, labels=labels, folds=speakers, folder=name)


def main() -> None:
    """Probe, and write what was found."""
    parser = argparse.ArgumentParser(description="Probe the layers of a finished source.")
    for name in ("run", "recipe", "teacher", "corpora"):
        parser.add_argument(name, type=Path)
    asked = parser.parse_args()
    recipe = read_source_recipe(asked.recipe)
    heard = sorted(set(EMOTIONS) & set(recipe.sound))
    if heard:
        raise SystemExit(f"{', '.join(heard)} can't be probed as never heard: the source learned from it")
    ready = prepare(recipe, {name: asked.corpora / name for name in recipe.sound}, teacher=asked.teacher)
    run = load_source_run(asked.run)
    net = load_student(asked.run, run)
    found = [compare(ready, net, folder=SOUNDS, label=LABEL)] if SOUNDS in recipe.sound else []
    for name in EMOTIONS:
        print(f"{name} ...", file=sys.stderr)
        found.append(emotions(ready, net, name=name, folder=asked.corpora / name))
    save_results(asked.run, tuple(found), RESULTS / recipe.name, signature=run.signature)


if __name__ == "__main__":
    main()
