"""Evaluation of a finished model on utterances (protocol held-out); nothing is trained."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from emotone.config import signature
from emotone.corpora.base import CORPORA
from emotone.evaluation.folds import predict_utterances, read_problems, write_problems
from emotone.evaluation.identity import identities, training_overlap
from emotone.evaluation.run import Evaluation, stage_counter, write_run
from emotone.features.store import ExtractionProblem
from emotone.scoring.finished_run import TABLE, is_finished, read_run
from emotone.scoring.predictions import PredictionsTable
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.bundles.bundle import Bundle
    from emotone.evaluation.run import Progress
    from emotone.types import Utterance


def evaluate_model(
    bundle: Bundle,
    utterances: Sequence[Utterance],
    *,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
) -> Evaluation:
    """Return the predictions and scores of a finished model, and the overlap of the clips with its training data.

    Scores on corpora of the model's training data do not generalise to new speakers; callers must report this.

    Args:
        bundle: the model.
        utterances: with labels of the model.
        out: folder of runs; repeated runs are cached there, packed ones too.
        progress: called with the progress.

    """
    name = signature(bundle.sha256, identities(utterances))
    folder = out / f"{bundle.manifest.name}-held-out-{name}"
    stored = read_run(folder) if is_finished(folder) else None  # of a folder, or packed
    if stored is None and not (folder / TABLE).exists():
        table, problems = predict_utterances(
            bundle,
            utterances,
            protocol="held-out",
            fold="all",
            seed=0,
            system=bundle.sha256[:12],
            progress=stage_counter("predicting", len(utterances), progress),
        )
        write_problems(folder, problems)
        table.write(folder / TABLE)
    if stored is None:
        table, problems = PredictionsTable.read(folder / TABLE), read_problems(folder)
    else:
        table = stored.predictions
        problems = tuple(ExtractionProblem(**problem) for problem in stored.about.get("problems") or ())
    recordings = len({utterance.path for utterance in utterances})
    shared = training_overlap(bundle, utterances, folder, progress=stage_counter("overlap", recordings, progress))
    seen = set(bundle.manifest.training.corpora) & {utterance.corpus for utterance in utterances}
    # A user's own table may contain recordings of the training data under another corpus name: then it is unknown.
    named = {utterance.corpus for utterance in utterances} | set(bundle.manifest.training.corpora)
    independent = False if seen or shared else True if named <= set(CORPORA.names) else None
    scores = tuple(scores_of(table, speaker_independent=independent))
    if stored is None:
        about = {
            "model": {"name": bundle.manifest.name, "version": bundle.manifest.version, "sha256": bundle.sha256},
            "protocol": {"name": "held-out", "trained_on": sorted(seen)},
            "training_overlap": None if shared is None else asdict(shared),
        }
        write_run(folder, about, scores=scores, leakage=None, problems=problems)
    return Evaluation(
        folder, "held-out", table, scores, None, problems, training_overlap=shared, reused=stored is not None
    )
