"""What a finished evaluation says, as Markdown for cards and pages; computed from its predictions table only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.corpora.base import CORPORA
from emotone.errors import RunError
from emotone.evaluation.run import RUN, TABLE
from emotone.protocols import protocol
from emotone.scoring.detection import positive_of
from emotone.scoring.detection_scores import AUROC, EER, WINDOW_AUROC
from emotone.scoring.references import SOURCE, references_for
from emotone.scoring.scores import FOLD_MEAN, TITLES, Score, confusion_markdown, confusion_of, scores_of
from emotone.scoring.segments import SEGMENT_TITLES
from emotone.scoring.table import PredictionsTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def summary_markdown(folder: Path, *, beside: Sequence[Path] = (), heading: str = "###") -> str:
    """Return the scores, references, confusions and leakage of an evaluation's folder.

    Args:
        folder: that `emotone evaluate` made.
        beside: folders of other systems on the same folds, whose scores are put next to these.
        heading: Markdown prefix of the sections.

    Raises:
        RunError: no finished evaluation there.

    """
    about, table = read_evaluation(folder)
    scores = scores_of(table)
    sections = [_protocol(about, folder), _score_table(scores)]
    sections += [_beside(table, other) for other in beside]
    sections.append(_references(table, scores))
    for corpus in table.corpora:
        matrix = confusion_markdown(confusion_of(table, corpus), labels=table.labels)
        sections.append(f"{heading} {_title(corpus)}: what is taken for what\n\n{matrix}")
    return "\n\n".join(section for section in sections if section) + "\n"


def read_evaluation(folder: Path) -> tuple[dict[str, Any], PredictionsTable]:
    """Return what `run.json` tells, and the predictions; raise `RunError` where there is no finished evaluation."""
    if not (folder / RUN).exists() or not (folder / TABLE).exists():
        raise RunError(f"{folder} holds no finished evaluation; give the folder that `emotone evaluate` printed")
    about: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    return about, PredictionsTable.read(folder / TABLE)


def _beside(table: PredictionsTable, folder: Path) -> str:
    about, other = read_evaluation(folder)
    ours, theirs = (
        sorted(zip(whole.utterance.tolist(), whole.fold.tolist(), strict=True))
        for whole in (table.whole_utterances(), other.whole_utterances())
    )
    if ours != theirs:
        raise RunError(f"{folder} was not made on the same clips and folds; it can't be put beside")
    title = f"{about['recipe']['name']}, on the same clips and folds (`results/{folder.name}`):"
    return f"{title}\n\n{_score_table(scores_of(other))}"


def _protocol(about: dict[str, Any], folder: Path) -> str:
    division = about["protocol"]
    if "model" in about:
        known = ", ".join(division["trained_on"])
        seen = (
            f"**It was trained on {known}: what it scores there says nothing.**" if known else "It was given as it is."
        )
        lines = [f"The finished model {about['model']['name']} {about['model']['version']}. {seen}"]
    else:
        seeds = about.get("seeds", 1)
        repeats = f"{seeds} training{'s' * (seeds > 1)} per fold"
        lines = [
            f"Protocol `{division['name']}`, {division.get('folds', 1)} folds, {repeats}.",
            f"In every fold the system was trained anew{_without(division['name'])}.",
        ]
    lines += [
        about.get("how", _how(about)),
        "All scores are times 100, with 95 % bootstrap intervals clustered by speaker.",
    ]
    leakage = about.get("leakage")
    if leakage is not None:
        shared = [f"{kind} {len(found['items'])}" for kind, found in leakage["shared"].items() if found["items"]]
        lines.append(f"Shared by training and test parts: {', '.join(shared) if shared else 'nothing'}.")
    lines.append(f"Predictions: `results/{folder.name}`.")
    return "\n".join(lines)


def _how(about: dict[str, Any]) -> str:
    if "classifier" in about.get("recipe", {}):
        return "A classifier judged functionals of whole recordings; its settings and scaling are the training part's."
    return "It was judged through the same engine as `emotone predict`."


def _without(name: str) -> str:
    return " without the tested speakers" if protocol(name).speaker_independent else ", **also on the tested speakers**"


def _score_table(scores: list[Score]) -> str:
    # Only detectors have the first, and those of windows and segments only systems that have judged such.
    special = [
        metric
        for metric in (AUROC, WINDOW_AUROC, EER, *SEGMENT_TITLES)
        if any(score.metric == metric for score in scores)
    ]
    titles = ["UAR", TITLES[FOLD_MEAN], "accuracy", "macro-F1", *(TITLES[metric] for metric in special)]
    header = f"| corpus | {' | '.join(titles)} | chance UAR | majority accuracy | n | speakers |"
    rows = [header, "|" + " --- |" * header.count("| ")]
    for corpus in dict.fromkeys(score.corpus for score in scores):
        of = {(score.setting, score.metric): score for score in scores if score.corpus == corpus}
        system = of["system", "uar"]
        cells = [
            _title(corpus),
            *(_cell(of.get(("system", metric))) for metric in ("uar", FOLD_MEAN, "accuracy", "macro-f1", *special)),
            _cell(of.get(("chance", "uar"))),
            _cell(of.get(("majority", "accuracy"))),
            str(system.n),
            str(system.speakers),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _references(table: PredictionsTable, scores: list[Score]) -> str:
    rows: list[str] = []
    if positive_of(table.labels) is not None:
        return ""  # theirs tell emotions apart, and do not look for one
    for corpus in table.corpora:
        classes = len(np.unique(table.of_corpus(corpus).truth))
        ours = next((s for s in scores if (s.corpus, s.setting, s.metric) == (corpus, "system", FOLD_MEAN)), None)
        for reference in references_for(corpus):
            same = (
                "the same classes" if classes == reference.classes else f"{reference.classes} classes, here {classes}"
            )
            cells = (_title(corpus), reference.features, f"{100 * reference.uar:.1f}", _cell(ours), same)
            rows.append(f"| {' | '.join(cells)} |")
    if not rows:
        return ""
    header = (
        f"To hold it against ({SOURCE}):\n\n"
        "| corpus | features | their UAR | this model | classes |\n| --- | --- | --- | --- | --- |\n"
    )
    return header + "\n".join(rows)


def _cell(score: Score | None) -> str:
    return "-" if score is None else score.text


def _title(corpus: str) -> str:
    return CORPORA.get(corpus).title if corpus in CORPORA.names else corpus
