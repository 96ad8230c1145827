"""Probe the layers of a finished source and of untrained networks, and store the results for docs/.

    OMP_NUM_THREADS=1 python scripts/probe_source.py RUN RECIPE TEACHER CORPORA

RUN is a folder that `emotone sources train RECIPE` finished, TEACHER the teacher's file, and CORPORA contains a folder
for every sound of the recipe and for every name in EMOTIONS. The script writes the run and the probes (ESC-10's sounds
and emotions) to results/sources/NAME; `make docs` generates the card from them and from NOTES.md there. It takes about
ten minutes on an otherwise idle core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.audio.read import read
from emotone.corpora.base import CORPORA
from emotone.corpora.scan import scan
from emotone.fitting.distillation.probe import compare_folder, compare_signals
from emotone.fitting.distillation.run import PreparedSource, load_student, prepare
from emotone.fitting.distillation.sound import RATE
from emotone.fitting.distillation.source_run import ProbeComparison, load_source_run, save_probes, save_source_run
from emotone.recipes.source_recipe import read_source_recipe

if TYPE_CHECKING:
    from emotone.nets.blocks.waveform import MultiHeadNetwork

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results/sources"
EMOTIONS = ("savee", "emovo")  # never part of a source's training sound; a fold is a speaker
SOUNDS, LABEL = "esc10", r"^\d+ - ([^/]+)/"


def emotions(prepared: PreparedSource, net: MultiHeadNetwork, *, name: str, folder: Path) -> ProbeComparison:
    """Return probes for the emotions of a corpus, cross-validated over speakers."""
    utterances = scan(CORPORA.get(name), folder).utterances
    signals = [read(utterance.path, rate=RATE)[0] for utterance in utterances]
    labels = [str(utterance.label) for utterance in utterances]
    speakers = [str(utterance.speaker) for utterance in utterances]
    return compare_signals(prepared, net, signals, labels=labels, folds=speakers, folder=name)


def main() -> None:
    """Probe and write the results."""
    parser = argparse.ArgumentParser(description="Probe the layers of a finished source.")
    for name in ("run", "recipe", "teacher", "corpora"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    recipe = read_source_recipe(arguments.recipe)
    trained_on = sorted(set(EMOTIONS) & set(recipe.sound))
    if trained_on:
        raise SystemExit(f"{', '.join(trained_on)} is training data of the source, so it can't be used for probes")
    prepared = prepare(recipe, {name: arguments.corpora / name for name in recipe.sound}, teacher=arguments.teacher)
    run = load_source_run(arguments.run)
    net = load_student(arguments.run, run)
    found = [compare_folder(prepared, net, folder=SOUNDS, label=LABEL)] if SOUNDS in recipe.sound else []
    for name in EMOTIONS:
        print(f"{name} ...", file=sys.stderr)
        found.append(emotions(prepared, net, name=name, folder=arguments.corpora / name))
    save_source_run(run, RESULTS / recipe.name)
    save_probes(tuple(found), RESULTS / recipe.name, signature=run.signature)


if __name__ == "__main__":
    main()
