"""The model card: what a model is, how it was evaluated, its limits, and what a label means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.corpora.base import CORPORA
from emotone.inference.segments import positive_of
from emotone.nets.layers import layer_table, parameter_count
from emotone.transfer.plans import layer_of

if TYPE_CHECKING:
    from emotone.bundles.contents import BundleManifest
    from emotone.fitting.training_run import HeadRun, TrainingRun
    from emotone.recipes.embedding_recipe import EmbeddingRecipe, HeadSettings
    from emotone.transfer.apply import State, TransferReport

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


WHISPER_LICENCE, OWN_LICENCE = "MIT (OpenAI)", "that of its authors"
WHISPER_ORIGIN = """OpenAI trained Whisper on 680,000 hours of audio that are not published. Recordings of the
corpora named on this card may be among them, without emotion labels."""
OWN_ORIGIN = """The authors of the encoder state what it was trained on. Recordings of the corpora named on this
card may be among it."""


EMBEDDING_LIMITS = """## Limits

- The model was fitted on **acted** speech of few speakers. Spontaneous speech is less expressive: expect clearly lower
  scores than those above.
- Its scores on languages, ages, accents and voices other than those named above are unknown.
- Noise, reverberation, telephone and meeting recordings were not evaluated unless stated above.
- Song, overlapping speakers, laughter and crying are outside its training data.
- Probabilities were calibrated on speakers and corpora that were left out in training, not on your recordings. Adapt
  the model to unlabelled recordings of yours with `emotone adapt`, and measure it on labelled ones before relying on
  it."""


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

{_what_was_trained(run)}

## Evaluation

{scores}

{LIMITS}

{INTENDED_USE}
"""


def embedding_card(manifest: BundleManifest, run: HeadRun, *, evaluation: str, loss: float | None = None) -> str:
    """Return the Markdown of `CARD.md` of a model with a frozen encoder.

    Args:
        manifest: of the bundle.
        run: what its head was fitted on.
        evaluation: how it was evaluated, and the scores; "" states that it was not.
        loss: see `Encoder.quantisation_loss`.

    """
    recipe = run.recipe
    data = "\n".join(_corpus_row(name, run.corpora[name], run.speakers[name]) for name in sorted(run.corpora))
    scores = (
        evaluation.strip() or "This model has **not been evaluated**. Run `emotone evaluate` before you rely on it."
    )
    encoder = recipe.encoder
    layers = ", ".join(map(str, encoder.layers))
    weights = "8-bit weights" if encoder.quantised else "32-bit weights"
    if loss is not None:
        weights += f", which change embeddings of synthetic sounds by {loss:.1%} of their deviation"
    classifier = f"{_classifier(recipe.head)}, on standardised embeddings"
    licence, origin = (OWN_LICENCE, OWN_ORIGIN) if encoder.is_own else (WHISPER_LICENCE, WHISPER_ORIGIN)
    return f"""# {manifest.name} {manifest.version}

{manifest.description.rstrip(".")}.

| | |
| --- | --- |
| labels | {", ".join(manifest.labels)} |
| licence of the weights | {manifest.licence}; the encoder: {licence} |
| encoder | {encoder.source}, frozen; outputs of layers {layers}, {encoder.statistics} over time; {weights} |
| classifier | {classifier}, temperature {manifest.calibration.temperature:.3g} |
| windows | {recipe.windows}; {_use(recipe)} |
| {_threshold(manifest)} |
| training | seed {recipe.seed}, signature {manifest.training.signature} |

## Training data

| corpus | clips | speakers | language | licence |
| --- | --- | --- | --- | --- |
{data}

{_ordinary(run)}{origin}

## Evaluation

{scores}

{EMBEDDING_LIMITS}

{INTENDED_USE}
"""


def _use(recipe: EmbeddingRecipe) -> str:
    if recipe.fit_on is None:
        return "only speech is analysed"
    return f"the classifier was fitted on single windows; the score of a clip is {recipe.windows.clip_score}"


def _threshold(manifest: BundleManifest) -> str:
    label, value = positive_of(manifest.labels), max(manifest.thresholds.values(), default=0.0)
    return (
        f"unsure | below a probability of {value:.2f}"
        if label is None
        else f"{label} | from a probability of {value:.2f}"
    )


def _classifier(head: HeadSettings) -> str:
    if head.hidden is None:
        return "linear"
    return f"mean of {head.hidden.networks} networks with a hidden layer of {head.hidden.units} units"


def _ordinary(run: HeadRun) -> str:
    """Return the paragraph about corpora that trained no emotion, or nothing."""
    names = [name for name in run.recipe.head.ordinary_corpora if name in run.corpora]
    if not names:
        return ""
    if positive_of(run.labels) is not None:
        return f"Recordings of ordinary speech ({', '.join(names)}) were trained on as other.\n\n"
    return f"""Recordings of ordinary speech ({", ".join(names)}) trained no emotion, but a detector of reading and
meetings: in proportion to its probability, results approach equal probabilities with somewhat more for neutral.

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


def _what_was_trained(run: TrainingRun) -> str:
    """Return what was done with the clips of the table, and so which speakers are not new to the model."""
    clips, speakers = sum(run.corpora.values()), sum(run.speakers.values())
    data = f"{clips} clips of {speakers} {'speaker' if speakers == 1 else 'speakers'}"
    unseen = "A score on these speakers would not apply to others."
    if run.transfer is None:
        return f"Trained on all {data} (protocol: all speakers). {unseen}"
    start = f"The network started from {run.transfer.source}, which was trained on other data."
    if not run.history:
        return f"Nothing was trained on these {data}; they only gave the labels. {start}"
    return f"Fine-tuned on all {data} (protocol: all speakers). {start} {unseen}"


def _layers(report: TransferReport, state: State) -> str:
    return ", ".join(dict.fromkeys(layer_of(name) for name in report.names(state)))


def _corpus_line(name: str, run: TrainingRun) -> str:
    return _corpus_row(name, run.corpora[name], run.speakers[name])


def _corpus_row(name: str, clips: int, speakers: int) -> str:
    if name not in CORPORA.names:
        return f"| {name} | {clips} | {speakers} | not stated | not stated |"
    corpus = CORPORA.get(name)
    return f"| {corpus.title} | {clips} | {speakers} | {', '.join(corpus.languages)} | {corpus.licence.name} |"
