"""The model card: what a model is, how it was evaluated, its limits, and what a label means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.corpora.base import CORPORA
from emotone.nets.layers import layer_table, parameter_count
from emotone.transfer.select import layer_of

if TYPE_CHECKING:
    from emotone.fitting.training_run import TrainingRun
    from emotone.transfer.report import State, TransferReport

INTENDED_USE = """## What a label means

A label is an estimate about a voice, not a fact about a person. It is the label of the training recordings that a
stretch of sound resembles most. It does not show what anybody feels, means or will do. Do not use it to assess, rank,
hire, admit, insure, police or diagnose people, nor without the knowledge of the people recorded."""

LIMITS = """## Limits

- The model has learned the kind of speech in its training data. Published corpora of emotional speech are mostly
  **acted**, by few speakers. Spontaneous speech is less expressive: expect clearly lower scores than those above.
- Its scores on languages, ages, accents and voices other than those named above are unknown.
- Noise, reverberation, telephone and meeting recordings were not evaluated unless stated above.
- Song, overlapping speakers, laughter and crying are outside its training data.
- Probabilities are outputs of a network trained with smoothed labels. They were not calibrated on your recordings.
- Windows without speech are marked (`speech: false`) by a detector that uses level, harmonics and rhythm only; animal
  calls and music can be mistaken for speech."""


def model_card(run: TrainingRun, *, version: str, evaluation: str) -> str:
    """Return the Markdown of `CARD.md`.

    Args:
        run: the finished training.
        version: of the model.
        evaluation: how it was evaluated, and the scores; "" states that it was not.

    """
    recipe = run.recipe
    count = parameter_count(layer_table(recipe.net_spec, recipe.feature.dimension, len(run.labels)))
    data = "\n".join(_corpus_line(name, run) for name in sorted(run.corpora))
    scores = (
        evaluation.strip() or "This model has **not been evaluated**. Run `emotone evaluate` before you rely on it."
    )
    feature = recipe.feature
    front_end = f"{recipe.feature_name}, {feature.rate} Hz, {feature.dimension} values"
    return f"""# {recipe.name} {version}

{recipe.description.rstrip(".")}.

| | |
| --- | --- |
| labels | {", ".join(run.labels)} |
| licence of the weights | {recipe.licence} |
| front end | {front_end} every {1000 * feature.hop_seconds:g} ms |
| network | {recipe.net["name"]}, {count:,} parameters |
| windows | {recipe.windows}; the score of a clip is {recipe.windows.clip_score} |
{_transfer_line(run)}| training | {recipe.training.epochs} epochs, seed {recipe.seed}, signature {run.signature} |

## Training data

| corpus | clips | speakers | language | licence |
| --- | --- | --- | --- | --- |
{data}

## Evaluation

{scores}

{LIMITS}

{INTENDED_USE}
"""


def _transfer_line(run: TrainingRun) -> str:
    """Return the row with the source of the transferred weights, or nothing."""
    report = run.transfer
    if report is None:
        return ""
    states: tuple[State, ...] = ("frozen", "tuned", "estimated")
    layers = {state: _layers(report, state) for state in states}
    names = "; ".join(f"{state}: {names}" for state, names in layers.items() if names)
    return f"| transferred from | {report.source} ({report.licence}, SHA-256 {report.sha256}); {names} |\n"


def _layers(report: TransferReport, state: State) -> str:
    return ", ".join(dict.fromkeys(layer_of(name) for name in report.names(state)))


def _corpus_line(name: str, run: TrainingRun) -> str:
    clips, speakers = run.corpora[name], run.speakers[name]
    if name not in CORPORA.names:
        return f"| {name} | {clips} | {speakers} | not stated | not stated |"
    corpus = CORPORA.get(name)
    return f"| {corpus.title} | {clips} | {speakers} | {', '.join(corpus.languages)} | {corpus.licence.name} |"
