"""The card of a model: what it is, what it was tested on, where it fails, and what a label is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.corpora.base import CORPORA
from emotone.nets.layers import layer_table, parameter_count
from emotone.transfer.select import layer_of

if TYPE_CHECKING:
    from emotone.fitting.training_run import TrainingRun
    from emotone.transfer.report import State, TransferReport

PLEDGE = """## What a label is, and is not

A label is a guess about a voice, not a fact about a person. It says to which of the recordings that the model learned
from a stretch of sound is most like. It does not say what anybody feels, means or will do. Do not use it to
judge, rank, hire, admit, insure, police or diagnose people, nor without the knowledge of those who are heard."""

LIMITS = """## Where it fails

- It knows the kind of speech that it learned from. Published corpora of emotional speech are mostly **acted**, by few
  speakers; spontaneous speech is weaker in expression: expect clearly lower scores than those above.
- What it makes of languages, ages, accents and voices other than those named above is not known.
- Noise, reverberation, telephone and meeting recordings were not tested, where nothing above says so.
- Song, several people at once, laughter and crying are outside what it knows.
- Probabilities are scores of a net trained with smoothed labels; they have not been calibrated on your recordings.
- Windows without speech are said as such (`speech: false`) by a detector that knows level, harmonics and rhythm only;
  animal calls and music can pass for speech."""


def model_card(run: TrainingRun, *, version: str, evaluation: str) -> str:
    """Return the Markdown of `CARD.md`.

    Args:
        run: the finished training.
        version: of the model.
        evaluation: how it was tested and what came out; "" says that it was not.

    """
    recipe = run.recipe
    count = parameter_count(layer_table(recipe.net_spec, recipe.feature.dimension, len(run.labels)))
    data = "\n".join(_corpus_line(name, run) for name in sorted(run.corpora))
    tested = (
        evaluation.strip() or "This model has **not been evaluated**. Run `emotone evaluate` before you rely on it."
    )
    feature = recipe.feature
    front_end = f"{recipe.feature_name}, {feature.rate} Hz, {feature.dimension} values"
    return f"""# {recipe.name} {version}

{recipe.description}

| | |
| --- | --- |
| labels | {", ".join(run.labels)} |
| licence of the weights | {recipe.licence} |
| front end | {front_end} every {1000 * feature.hop_seconds:g} ms |
| net | {recipe.net["name"]}, {count:,} parameters |
| windows | {recipe.windows}; a clip is {recipe.windows.clip_score} |
{_taken_over(run)}| training | {recipe.training.epochs} epochs, seed {recipe.seed}, signature {run.signature} |

## What it learned from

| corpus | clips | speakers | language | licence |
| --- | --- | --- | --- | --- |
{data}

## What it was tested on

{tested}

{LIMITS}

{PLEDGE}
"""


def _taken_over(run: TrainingRun) -> str:
    """Return the row that says whose weights the net started from, or nothing."""
    report = run.transfer
    if report is None:
        return ""
    states: tuple[State, ...] = ("frozen", "tuned", "estimated")
    layers = {state: _layers(report, state) for state in states}
    said = "; ".join(f"{state}: {names}" for state, names in layers.items() if names)
    return f"| started from | {report.source} ({report.licence}, SHA-256 {report.sha256}); {said} |\n"


def _layers(report: TransferReport, state: State) -> str:
    return ", ".join(dict.fromkeys(layer_of(name) for name in report.names(state)))


def _corpus_line(name: str, run: TrainingRun) -> str:
    clips, speakers = run.corpora[name], run.speakers[name]
    if name not in CORPORA.names:
        return f"| {name} | {clips} | {speakers} | not stated | not stated |"
    corpus = CORPORA.get(name)
    return f"| {corpus.title} | {clips} | {speakers} | {', '.join(corpus.languages)} | {corpus.licence.name} |"
