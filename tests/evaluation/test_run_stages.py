"""Evaluation of a recipe with pre-training, with a target corpus."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.toy import emodb_utterances, one_thread, tiny_recipe, torch_bundles, write_emodb

from emotone.evaluation.run import Evaluation, Progress, evaluate_recipe
from emotone.fitting.resolve import resolve
from emotone.recipes.training import TrainingSettings
from emotone.recipes.transfer import Pretraining, Transfer
from emotone.scoring.comparison import compare_runs
from emotone.scoring.finished_run import STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance

__all__ = ["one_thread", "torch_bundles"]
pytestmark = pytest.mark.usefixtures("one_thread", "torch_bundles")

LABELS = ("anger", "fear", "sadness")
ONCE = tiny_recipe(training={"epochs": 2})
TWICE = replace(
    ONCE,
    transfer=Transfer(load=("conv[123]",), freeze=("conv1",)),
    pretraining=Pretraining(training=TrainingSettings(epochs=1, batch_size=4, crop_seconds=0.5)),
)


@pytest.fixture
def corpora(tmp_path: Path) -> tuple[Utterance, ...]:
    target = emodb_utterances(write_emodb(tmp_path / "target" / "emodb", sentences=("a01", "a02")))
    other = emodb_utterances(write_emodb(tmp_path / "other" / "emodb", sentences=("a04", "a05")))
    afraid = [replace(each, label="fear") if each.id[2:5] == "a05" else each for each in other]
    return (*target, *(replace(each, corpus="savee") for each in afraid))


def evaluate(utterances: tuple[Utterance, ...], out: Path, reports: list[Progress] | None = None) -> Evaluation:
    progress = None if reports is None else reports.append
    return evaluate_recipe(
        resolve(TWICE),
        utterances,
        labels=LABELS,
        protocol_name="onto-emodb-random-2",
        out=out,
        progress=progress,
    )


def test_every_clip_of_the_target_is_tested_and_its_folds_are_comparable(
    corpora: tuple[Utterance, ...], tmp_path: Path
) -> None:
    found = evaluate(corpora, tmp_path / "results")
    target = tuple(each for each in corpora if each.corpus == "emodb")
    assert sorted(found.table.utterance) == sorted(each.key for each in target)
    assert found.notes == ("trained on and never tested: savee 16",)
    column = found.table.probabilities[:, LABELS.index("fear")]
    assert np.array_equal(column, np.zeros_like(column))
    kept = json.loads((found.folder / STAGES).read_text())
    assert sorted(kept) == ["1-fold-1", "1-fold-2"]
    first, second = kept.values()
    assert first["pretraining"]["signature"] == second["pretraining"]["signature"]
    assert first["pretraining"]["corpora"] == {"savee": 16}
    assert first["absent"] == ["fear"]
    assert {name.split(".")[1] for name in first["tensors"]["frozen"]} == {"conv1"}
    missing = tuple(replace(each, path=each.path.with_name("gone.wav")) for each in corpora)
    assert evaluate(missing, tmp_path / "results").scores == found.scores  # cached

    alone = evaluate_recipe(
        resolve(ONCE), target, labels=("anger", "sadness"), protocol_name="random-2", out=tmp_path / "results"
    )
    (uar,) = (each for each in compare_runs([alone.folder, found.folder]).differences if each.metric == "uar")
    assert uar.folds == 2
    assert {each.test.name for each in uar.tests} >= {"paired t", "corrected t"}


def test_progress_counts_the_epochs_of_both_stages(corpora: tuple[Utterance, ...], tmp_path: Path) -> None:
    reports: list[Progress] = []
    evaluate(corpora, tmp_path, reports)
    assert resolve(TWICE).epochs == 3
    assert [report.done for report in reports if report.stage == "folds"] == [0, 1]
