"""openSMILE features with a linear SVM under a protocol of emotone, so that both stand on the same folds.

    python scripts/baseline_opensmile.py --labels seven --protocol speaker-folds-10 --corpus emodb=DIR ...

In every fold features are scaled on the training speakers, C is chosen on the fold's development speakers, and the SVM
is fitted again on both. Predictions and scores go to results/, like those of `emotone evaluate`. Probabilities are
the softmax of the SVM's margins: they order the labels, and are not calibrated.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.audio.read import read
from emotone.cli import corpus_data
from emotone.config import signature
from emotone.files import atomic_write, cache_dir, sha256_file
from emotone.protocols import audit, protocol
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array, Fold, Utterance

RATE = 16000
COSTS = (1e-4, 1e-3, 1e-2)
VERSION = 1


def main() -> int:
    """Extract, train, judge and write the run; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--features", default="IS10", choices=("IS09", "IS10", "eGeMAPSv02", "ComParE_2016"))
    parser.add_argument("--labels", required=True, help="a label set, e.g. seven")
    parser.add_argument("--protocol", required=True, help="e.g. speaker-folds-10")
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=DIR")
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    data = corpus_data.load(tuple(given.corpus), label_set_name=given.labels)
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        work = ((utterance, given.features) for utterance in data.utterances)
        vectors = dict(zip((u.key for u in data.utterances), pool.map(extract, work, chunksize=16), strict=True))
    division = protocol(given.protocol)
    name = f"opensmile-{given.features.lower()}-svm"
    keys = sorted((utterance.key, utterance.label) for utterance in data.utterances)
    run = signature(name, VERSION, list(COSTS), division.name, division.version, keys)
    folds = division.folds(data.utterances, seed=1)
    rows: list[PredictionRow] = []
    for fold in folds:
        rows += judge(fold, data.utterances, vectors, labels=data.labels, protocol_name=division.name, system=run)
        print(f"{fold.name}: {len(rows)} clips judged", file=sys.stderr)
    table = PredictionsTable.from_rows(rows, labels=data.labels)
    folder = given.out / f"{name}-{division.name}-{run}"
    table.write(folder / "predictions.parquet")
    about = {
        "schema": "emotone.evaluation/1",
        "recipe": {"name": name, "features": given.features, "costs": list(COSTS), "labels": given.labels},
        "protocol": {"name": division.name, "version": division.version, "folds": len(folds)},
        "seeds": 1,
        "how": "A linear SVM judged the functionals of whole clips; scaling and C come from the training speakers.",
        "again": f"python scripts/baseline_opensmile.py --labels {given.labels} --protocol {division.name} "
        f"--features {given.features} --corpus NAME=DIR...",
        "scores": [score.to_dict() for score in scores_of(table)],
        "leakage": audit(folds, data.utterances).to_dict(),
        "problems": [],
    }
    with atomic_write(folder / "run.json", text=True) as stream:
        stream.write(json.dumps(about, indent=1) + "\n")
    print(folder)
    return 0


def extract(work: tuple[Utterance, str]) -> Array:
    """Return the functionals of an utterance, kept in the cache by content."""
    utterance, features = work
    key = hashlib.sha256(f"{sha256_file(utterance.path)}:{utterance.start}:{utterance.end}".encode()).hexdigest()
    entry = cache_dir() / "opensmile" / features / key[:2] / f"{key}.npy"
    if entry.exists():
        kept: Array = np.load(entry, allow_pickle=False)
        return kept
    import opensmile

    signal, rate = read(utterance.path, rate=RATE, start=utterance.start, end=utterance.end)
    smile = opensmile.Smile(feature_set=opensmile.FeatureSet[features])
    vector: Array = smile.process_signal(signal, rate).to_numpy(np.float32)[0]
    with atomic_write(entry) as stream:
        np.save(stream, vector, allow_pickle=False)
    return vector


def judge(
    fold: Fold,
    utterances: tuple[Utterance, ...],
    vectors: dict[str, Array],
    *,
    labels: tuple[str, ...],
    protocol_name: str,
    system: str,
) -> list[PredictionRow]:
    """Return the rows of a fold's test part."""
    by_key = {utterance.key: utterance for utterance in utterances}

    def part(keys: tuple[str, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
        return np.stack([vectors[key] for key in keys]), np.array([by_key[key].label for key in keys])

    cost = COSTS[1]
    if fold.dev:
        tried = [(_recall(*part(fold.dev), model=_fit(*part(fold.train), cost=cost)), -cost) for cost in COSTS]
        cost = -max(tried)[1]
    model = _fit(*part(fold.train + fold.dev), cost=cost)
    margins = model.decision_function(part(fold.test)[0])
    scores = np.full((len(margins), len(labels)), -np.inf)
    scores[:, [labels.index(label) for label in model.classes_]] = margins
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return [
        PredictionRow(
            utterance=key,
            corpus=by_key[key].corpus,
            protocol=protocol_name,
            fold=fold.name,
            seed=1,
            speaker=by_key[key].speaker,
            truth=by_key[key].label,
            probabilities=row,
            system=system,
        )
        for key, row in zip(fold.test, powers / powers.sum(axis=1, keepdims=True), strict=True)
    ]


def _fit(vectors: NDArray[Any], truth: NDArray[Any], *, cost: float) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    svm = LinearSVC(C=cost, class_weight="balanced", dual=True, max_iter=5000, random_state=0)
    return make_pipeline(StandardScaler(), svm).fit(vectors, truth)


def _recall(vectors: NDArray[Any], truth: NDArray[Any], *, model: Any) -> float:
    predicted = model.predict(vectors)
    return float(np.mean([np.mean(predicted[truth == label] == label) for label in np.unique(truth)]))


if __name__ == "__main__":
    sys.exit(main())
