"""Summary of a finished evaluation in Markdown, for model cards and pages; computed from its predictions table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.corpora.base import CORPORA
from emotone.errors import RunError
from emotone.inference.segments import positive_of
from emotone.protocols import protocol
from emotone.scoring.finished_run import read_run
from emotone.scoring.result_table import ResultTable, format_estimate, percent
from emotone.scoring.scores import (
    AUROC,
    EER,
    FOLD_MEAN,
    TITLES,
    WINDOW_AUROC,
    Score,
    confusion_of,
    confusion_table,
    scores_of,
)
from emotone.scoring.segments import SEGMENT_TITLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emotone.scoring.finished_run import FinishedRun
    from emotone.scoring.predictions import PredictionsTable

REFERENCE_SYSTEM = (
    "openSMILE features, linear SVM, leave-one-speaker-out, scaled on the training speakers, mean over folds"
)


@dataclass(frozen=True, slots=True)
class ReferenceScore:
    """The score of a reference system, `REFERENCE_SYSTEM`.

    Attributes:
        corpus: registry name.
        classes: number of labels of the task.
        features: openSMILE feature set.
        uar: unweighted average recall, in [0, 1], mean over folds.

    """

    corpus: str
    classes: int
    features: str
    uar: float


REFERENCES = (
    ReferenceScore("emodb", 7, "eGeMAPS", 0.647),
    ReferenceScore("emodb", 7, "IS10", 0.729),
    ReferenceScore("emodb", 7, "ComParE 2016", 0.754),
    ReferenceScore("emovo", 7, "eGeMAPS", 0.330),
    ReferenceScore("emovo", 7, "IS10", 0.270),
    ReferenceScore("emovo", 7, "ComParE 2016", 0.366),
    ReferenceScore("savee", 7, "eGeMAPS", 0.348),
    ReferenceScore("savee", 7, "IS10", 0.412),
    ReferenceScore("savee", 7, "ComParE 2016", 0.433),
    ReferenceScore("ravdess", 8, "eGeMAPS", 0.508),
    ReferenceScore("ravdess", 8, "IS10", 0.576),
    ReferenceScore("ravdess", 8, "ComParE 2016", 0.574),
)


def summary_markdown(folder: Path, *, others: Sequence[Path] = (), heading: str = "###") -> str:
    """Return protocol, scores, reference scores and confusion matrices of a finished evaluation.

    Args:
        folder: of the run.
        others: folders of runs of other systems with the same folds, whose scores are added.
        heading: Markdown prefix of the sections.

    Raises:
        RunError: no finished evaluation, or other folds.

    """
    run = read_run(folder)
    table = run.predictions
    several = [corpus for corpus in table.corpora if len(np.unique(table.of_corpus(corpus).truth)) > 1]
    single = sorted(set(table.corpora) - set(several)) if several else []
    scores = [score for score in scores_of(table) if score.corpus not in single]
    sections = [_protocol(run.about, folder), _score_table(scores).markdown()]
    sections += [f"Not in this table, because they have a single label: {', '.join(single)}."] if single else []
    sections += [_other_system(table, read_run(other)) for other in others]
    references = _references(table, scores)
    sections += [] if references is None else [references.markdown()]
    for corpus in several or table.corpora:
        matrix = confusion_table(confusion_of(table, corpus), labels=table.labels).markdown()
        sections.append(f"{heading} Confusion matrix of {corpus_title(corpus)}\n\n{matrix}")
    return "\n\n".join(sections) + "\n"


def corpus_title(corpus: str) -> str:
    """Return the title of a registered corpus; any other name is returned unchanged."""
    return CORPORA.get(corpus).title if corpus in CORPORA.names else corpus


def _other_system(table: PredictionsTable, other: FinishedRun) -> str:
    ours, theirs = (
        sorted(zip(whole.utterance.tolist(), whole.fold.tolist(), strict=True))
        for whole in (table.whole_utterances(), other.whole)
    )
    name = other.folder.name
    if ours != theirs:
        raise RunError(f"{other.folder} does not have the same clips and folds, so its scores can't be added")
    title = f"{other.about['recipe']['name']}, on the same clips and folds (`results/{name}`):"
    return f"{title}\n\n{_score_table(scores_of(other.predictions)).markdown()}"


def _protocol(about: Mapping[str, Any], folder: Path) -> str:
    described = about["protocol"]
    if "model" in about:
        known = ", ".join(described["trained_on"])
        seen = (
            f"**It was trained on {known}: its scores there do not generalise to new speakers.**"
            if known
            else "The model was evaluated without further training."
        )
        lines = [f"Finished model {about['model']['name']} {about['model']['version']}. {seen}"]
    else:
        seeds = about.get("seeds", 1)
        repeats = f"{seeds} training run{'s' * (seeds > 1)} per fold"
        independent = protocol(described["name"]).speaker_independent
        excluded = " without the tested speakers" if independent else ", **including the tested speakers**"
        lines = [
            f"Protocol `{described['name']}`, {described.get('folds', 1)} folds, {repeats}.",
            f"The system was trained from scratch in every fold{excluded}.",
        ]
    lines += [
        about.get("how", _method(about)),
        "All scores are times 100, with 95 % bootstrap intervals clustered by speaker.",
    ]
    leakage = about.get("leakage")
    if leakage is not None:
        shared = [f"{kind} {len(found['items'])}" for kind, found in leakage["shared"].items() if found["items"]]
        lines.append(f"Shared by training and test parts: {', '.join(shared) if shared else 'nothing'}.")
    lines.append(f"Predictions: `results/{folder.name}`.")
    return "\n".join(lines)


def _method(about: Mapping[str, Any]) -> str:
    if "classifier" in about.get("recipe", {}):
        return (
            "A classifier predicts from functionals of whole recordings; it is tuned and scaled on the training part."
        )
    if about.get("recipe", {}).get("fit_on") == "windows":
        return (
            "The encoder is frozen; a head predicts from the embedding of each window, and a clip has the mean "
            "probability of its windows, which the inference engine of `emotone predict` finds."
        )
    if "encoder" in about.get("recipe", {}):
        return (
            "The encoder is frozen; a head predicts from the mean embedding of the utterances of each "
            "recording, which the inference engine of `emotone predict` finds."
        )
    return "Predictions are made by the inference engine of `emotone predict`."


def _score_table(scores: list[Score]) -> ResultTable:
    # Detectors, and systems that predict windows or segments, have further metrics.
    special = [
        metric
        for metric in (AUROC, WINDOW_AUROC, EER, *SEGMENT_TITLES)
        if any(score.metric == metric for score in scores)
    ]
    metrics = ("uar", FOLD_MEAN, "accuracy", "macro-f1", *special)
    rows = []
    for corpus in dict.fromkeys(score.corpus for score in scores):
        of = {(score.setting, score.metric): score for score in scores if score.corpus == corpus}
        cells = (
            *(format_estimate(of.get(("system", metric))) for metric in metrics),
            format_estimate(of.get(("chance", "uar"))),
            format_estimate(of.get(("majority", "accuracy"))),
        )
        uar = of["system", "uar"]
        rows.append((corpus_title(corpus), *cells, str(uar.n), str(uar.speakers)))
    titles = (TITLES[metric] for metric in metrics)
    return ResultTable(("corpus", *titles, "chance UAR", "majority accuracy", "n", "speakers"), tuple(rows))


def _references(table: PredictionsTable, scores: list[Score]) -> ResultTable | None:
    """Return the scores of the reference system on the same corpora, or None."""
    if positive_of(table.labels) is not None:
        return None  # the reference system classifies emotions, it does not detect one
    rows = []
    for corpus in table.corpora:
        classes = len(np.unique(table.of_corpus(corpus).truth))
        ours = next((s for s in scores if (s.corpus, s.setting, s.metric) == (corpus, "system", FOLD_MEAN)), None)
        for reference in (each for each in REFERENCES if each.corpus == corpus):
            same = "the same" if classes == reference.classes else f"{reference.classes}, here {classes}"
            cells = (reference.features, percent(reference.uar), format_estimate(ours), same)
            rows.append((corpus_title(corpus), *cells))
    if not rows:
        return None
    columns = ("corpus", "features", "reference UAR", "this model", "classes")
    return ResultTable(columns, tuple(rows), caption=f"Reference scores ({REFERENCE_SYSTEM}):")
