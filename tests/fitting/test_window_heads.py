"""Detectors with a frozen encoder: the head is fitted on windows, and tested by the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.toy import emodb_utterances, write_emodb, write_small_encoder

from emotone.audio.read import read
from emotone.corpora.labels import apply_labels, label_set
from emotone.errors import ConfigError, RunError
from emotone.evaluation.run import evaluate_recipe
from emotone.features.windows import Windows
from emotone.fitting.embedding import resolve_embedding
from emotone.fitting.embedding_training import train_embedding, write_model
from emotone.fitting.encoder_bundle import encoder_bundle
from emotone.fitting.window_embeddings import WindowEmbeddings
from emotone.inference.engine import analyse
from emotone.recipes.embedding_recipe import EmbeddingRecipe, EncoderSettings

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.fitting.embedding import ResolvedEmbedding
    from emotone.types import Utterance

pytest.importorskip("torch")
LABELS = ("anger", "other")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("detector")


@pytest.fixture(autouse=True)
def shared_cache(folder: Path, private_directories: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build the encoder once for all tests of this module."""
    monkeypatch.setenv("EMOTONE_CACHE", str(folder / "cache"))


@pytest.fixture(scope="module")
def utterances(folder: Path) -> tuple[Utterance, ...]:
    return tuple(apply_labels(emodb_utterances(write_emodb(folder / "emodb")), label_set("anger"))[0])


@pytest.fixture(scope="module")
def recipe(folder: Path) -> EmbeddingRecipe:
    weights = write_small_encoder(folder / "small.safetensors", layers=1)
    return EmbeddingRecipe(
        "toy-detector",
        "anger",
        encoder=EncoderSettings(str(weights), layers=(1,)),
        windows=Windows(0.4, 0.2, min_seconds=0.3),
        fit_on="windows",
    )


@pytest.fixture
def resolved(recipe: EmbeddingRecipe) -> ResolvedEmbedding:
    return resolve_embedding(recipe)


def test_embeddings_are_those_of_the_windows_that_the_engine_analyses(
    resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...]
) -> None:
    one = utterances[0]
    found = resolved.extract([one]).features
    bundle = encoder_bundle(resolved.encoder, resolved.recipe.windows)
    expected = analyse(bundle, [read(one.path, rate=16_000)[0]]).segments.outputs
    assert len(expected) > 1
    np.testing.assert_allclose(found[one.key], expected, rtol=0, atol=1e-6)


def test_silence_is_one_window(resolved: ResolvedEmbedding) -> None:
    spec = WindowEmbeddings(resolved.encoder, resolved.recipe.windows)
    assert spec.compute(np.zeros(8_000, np.float32)).shape == (1, resolved.encoder.values)


def test_a_detector_has_a_threshold_for_its_label_only(
    resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    training = train_embedding(resolved, utterances, labels=LABELS)
    bundle = write_model(training, tmp_path / "model")
    assert set(bundle.manifest.thresholds) == {"anger"}
    assert 0 < bundle.manifest.thresholds["anger"] <= 1
    card = (tmp_path / "model" / "CARD.md").read_text()
    assert "| anger | from a probability of " in card
    assert "the classifier was fitted on single windows" in card


def test_folds_have_rows_of_windows_and_of_clips(
    resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    done = evaluate_recipe(resolved, utterances, labels=LABELS, protocol_name="speaker-folds-2", out=tmp_path)
    table = done.table
    assert len(table.whole_utterances()) == len(utterances)
    assert len(table) > 2 * len(utterances)
    clip = table.whole_utterances()
    assert set(clip.truth) == set(LABELS)


def test_a_head_of_windows_is_not_adapted_to_speakers(
    resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="choose a protocol without speaker-scaled"):
        evaluate_recipe(
            resolved, utterances, labels=LABELS, protocol_name="speaker-folds-2+speaker-scaled", out=tmp_path
        )


def test_copies_are_for_whole_recordings(recipe: EmbeddingRecipe) -> None:
    with pytest.raises(ConfigError, match="a head that is fitted on windows has none"):
        replace(recipe, copies=("telephone/mu-law",))
