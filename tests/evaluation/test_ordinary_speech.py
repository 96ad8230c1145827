"""Corpora of ordinary speech train a detector in every fold; nothing of them is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from emotone.errors import RunError
from emotone.evaluation.run import evaluate_recipe
from emotone.features.store import ExtractionResult
from emotone.fitting.embedding import ResolvedEmbedding
from emotone.fitting.encoder import Encoder
from emotone.recipes.embedding_recipe import EmbeddingRecipe, HeadSettings, OrdinarySettings
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LABELS = ("anger", "neutral")
VALUES = 4
PROTOCOL: dict[str, Any] = {"labels": LABELS, "protocol_name": "leave-one-speaker-out"}


class GivenEmbeddings(ResolvedEmbedding):
    """A recipe whose embeddings need no encoder: noise around the label."""

    def extract(self, utterances: Sequence[Utterance], **_: Any) -> ExtractionResult:
        rng = np.random.default_rng(1)
        values = {each.key: rng.normal(LABELS.index(each.label), 0.1, VALUES).astype(np.float32) for each in utterances}
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
    calls = clips("calls", recording, speakers=("ann", "bob"), labels=LABELS)
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
    reading = clips("reading", recording, speakers=("r1", "r2"), labels=LABELS)
    with pytest.raises(RunError, match="only trains on reading and never tests them"):
        evaluate_recipe(recipe, reading, out=tmp_path, **PROTOCOL)
