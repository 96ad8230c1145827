"""Evaluations in two stages, on ordinary speech, and of personal heads; and how runs are named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from tests.toy import emodb_utterances, tiny_recipe, write_emodb

from emotone.errors import RunError
from emotone.evaluation.identity import identities
from emotone.evaluation.personalise import division
from emotone.evaluation.run import Evaluation, Progress, evaluate_recipe
from emotone.features.store import ExtractionResult
from emotone.fitting.embedding import ResolvedEmbedding
from emotone.fitting.encoder import Encoder
from emotone.fitting.resolve import resolve
from emotone.recipes.embedding_recipe import EmbeddingRecipe, HeadSettings, OrdinarySettings
from emotone.recipes.training import TrainingSettings
from emotone.recipes.transfer import Pretraining, Transfer
from emotone.scoring.comparison import compare_runs
from emotone.scoring.finished_run import STAGES
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Sequence


# ----------------------------------------------------------------------------------------------------------------------
# Evaluation of a recipe with pre-training, with a target corpus.

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


@pytest.mark.usefixtures("one_thread", "torch_bundles")
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


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_progress_counts_the_epochs_of_both_stages(corpora: tuple[Utterance, ...], tmp_path: Path) -> None:
    reports: list[Progress] = []
    evaluate(corpora, tmp_path, reports)
    assert resolve(TWICE).epochs == 3
    assert [report.done for report in reports if report.stage == "folds"] == [0, 1]


# ----------------------------------------------------------------------------------------------------------------------
# What makes an evaluation another one: rows of a table count with speakers and parts, published clips by name.

ROW = Utterance("a.wav", "calls", Path("a.wav"), 0.0, None, "3", "3", "anger")
PUBLISHED = Utterance("03a01Wa", "emodb", Path("03a01Wa.wav"), 0.0, None, "03", "03", "anger")
CHANGES: list[dict[str, Any]] = [
    {"speaker": "03"},
    {"session": "monday"},
    {"start": 0.5},
    {"end": 2.0},
    {"channel": 1},
    {"label": "neutral"},
    {"id": "b.wav"},
]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("utterance", [ROW, replace(PUBLISHED, speaker="3")])
def test_a_corrected_row_is_another_evaluation(utterance: Utterance, changes: dict[str, Any]) -> None:
    assert identities([replace(utterance, **changes)]) != identities([utterance])


def test_folders_and_order_do_not_count() -> None:
    moved = [replace(each, path=Path("elsewhere") / each.path) for each in (ROW, PUBLISHED)]
    assert identities(moved) == identities([PUBLISHED, ROW])


def test_a_published_clip_counts_by_key_and_label() -> None:
    assert identities([PUBLISHED]) == [("emodb/03a01Wa", "anger")]


def test_a_table_with_the_name_of_a_published_corpus_counts_with_its_rows() -> None:
    assert len(identities([replace(PUBLISHED, end=1.0)])[0]) > 2
    assert len(identities([replace(PUBLISHED, speaker="somebody")])[0]) > 2


# ----------------------------------------------------------------------------------------------------------------------
# Corpora of ordinary speech train a detector in every fold; nothing of them is tested.

WITH_NEUTRAL = ("anger", "neutral")
VALUES = 4
PROTOCOL: dict[str, Any] = {"labels": WITH_NEUTRAL, "protocol_name": "leave-one-speaker-out"}


class GivenEmbeddings(ResolvedEmbedding):
    """A recipe whose embeddings need no encoder: noise around the label."""

    def extract(self, utterances: Sequence[Utterance], **_: Any) -> ExtractionResult:
        rng = np.random.default_rng(1)
        values = {
            each.key: rng.normal(WITH_NEUTRAL.index(each.label), 0.1, VALUES).astype(np.float32) for each in utterances
        }
        return ExtractionResult(values, ())


@pytest.fixture
def recipe() -> ResolvedEmbedding:
    head = HeadSettings(ordinary=OrdinarySettings(corpora=("reading", "meetings")))
    return GivenEmbeddings(EmbeddingRecipe("toy", "emodb", head=head), Encoder("none", "0" * 64, VALUES))


@pytest.fixture
def recording(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "noise.wav"
    soundfile.write(path, rng.uniform(-0.5, 0.5, 1600), 16000)
    return path


def clips(corpus: str, recording: Path, *, speakers: Sequence[str], labels: Sequence[str]) -> list[Utterance]:
    return [
        Utterance(f"{speaker}-{number}", corpus, recording, 0.0, None, speaker, speaker, label)
        for speaker in speakers
        for number, label in enumerate(labels)
    ]


def test_ordinary_speech_adds_no_folds_and_no_predictions(
    recipe: ResolvedEmbedding, recording: Path, tmp_path: Path
) -> None:
    calls = clips("calls", recording, speakers=("ann", "bob"), labels=WITH_NEUTRAL)
    reading = clips("reading", recording, speakers=("", "r1"), labels=["neutral"] * 3)
    result = evaluate_recipe(recipe, (*calls, *reading), out=tmp_path, **PROTOCOL)
    assert set(result.table.fold) == {"calls.ann", "calls.bob"}
    assert set(result.table.utterance) == {each.key for each in calls}
    assert result.notes == ("trained on and never tested: reading 6",)
    alone = evaluate_recipe(recipe, calls, out=tmp_path, **PROTOCOL)
    assert alone.folder != result.folder
    assert alone.notes == ()
    # The detector was trained, so the probabilities differ.
    assert not np.allclose(alone.table.probabilities, result.table.probabilities)


def test_ordinary_speech_alone_can_not_be_evaluated(recipe: ResolvedEmbedding, recording: Path, tmp_path: Path) -> None:
    reading = clips("reading", recording, speakers=("r1", "r2"), labels=WITH_NEUTRAL)
    with pytest.raises(RunError, match="only trains on reading and never tests them"):
        evaluate_recipe(recipe, reading, out=tmp_path, **PROTOCOL)


# ----------------------------------------------------------------------------------------------------------------------
# The division of a user's clips.


def clips_of(*speakers: str) -> list[Utterance]:
    return [Utterance(str(i), "own", Path(), 0.0, None, name, name, "anger") for i, name in enumerate(speakers)]


@pytest.mark.parametrize(
    ("speakers", "protocol", "caveat"),
    [
        (("a", "b"), "speaker-folds-2", ""),
        (("a", "b", "c", "d"), "speaker-folds-3", ""),
        (("", ""), "random-3", "the speakers of the clips are not known"),
        (("a", ""), "random-3", "the speakers of some clips are not known"),
        (("a", "a"), "random-3", "all clips are of one speaker, so that the score says nothing about others"),
    ],
)
def test_speakers_are_kept_apart_where_they_are_known(speakers: tuple[str, ...], protocol: str, caveat: str) -> None:
    assert division(clips_of(*speakers)) == (protocol, caveat)
