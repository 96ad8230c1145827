"""Recipes with a frozen encoder, detectors on its windows, and means of the layers of published networks."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.toy import ENCODER_WIDTH as WIDTH
from tests.toy import emodb_utterances, one_thread, write_emodb, write_small_encoder

import emotone
from emotone.audio.read import read
from emotone.augment.perturbation import PERTURBATIONS, Scene
from emotone.corpora.labels import apply_labels, label_set
from emotone.errors import ConfigError, RunError, SourceError
from emotone.evaluation.run import evaluate_recipe
from emotone.features.windows import Windows
from emotone.fitting.embedding import RecordingEmbedding, copy_key, resolve_embedding
from emotone.fitting.embedding_training import SURE, train_embedding, write_model
from emotone.fitting.encoder import build_encoder, encoder_network
from emotone.fitting.layer_means import LayerMeans, ProbedSource, probed_source
from emotone.fitting.window_embeddings import WindowEmbeddings, encoder_bundle
from emotone.inference.engine import analyse
from emotone.recipes.embedding_recipe import EmbeddingRecipe, EncoderSettings, HiddenSettings
from emotone.transfer.locate import converted_path
from emotone.transfer.source import SOURCES
from emotone.transfer.weights import SourceWeights, read_weights, write_weights

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.fitting.embedding import ResolvedEmbedding
    from emotone.types import Utterance


# ----------------------------------------------------------------------------------------------------------------------
# A recipe with a frozen encoder, from the weights of a small encoder to a model that predicts and is evaluated.

pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_thread")
LAYERS = 3


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_encoder(tmp_path_factory.mktemp("encoder") / "small.safetensors", layers=LAYERS)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emodb(tmp_path_factory.mktemp("emodb"))


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoders")


@pytest.fixture(autouse=True)
def shared_cache(encoders: Path, private_directories: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build each encoder once for all tests of this module, as building one takes seconds."""
    monkeypatch.setenv("EMOTONE_CACHE", str(encoders))


@pytest.fixture
def utterances(corpus: Path) -> tuple[Utterance, ...]:
    return emodb_utterances(corpus)


def recipe_of(weights: Path, **changes: Any) -> EmbeddingRecipe:
    settings = {"source": str(weights), "layers": (1, 2), **changes}
    return EmbeddingRecipe("toy-encoder", "emodb", encoder=EncoderSettings(**settings), licence="CC0-1.0")


@pytest.fixture
def resolved(weights: Path) -> ResolvedEmbedding:
    return resolve_embedding(recipe_of(weights))


def test_the_mean_of_layers_has_the_size_of_one(weights: Path, rng: np.random.Generator) -> None:
    import torch

    rows = torch.from_numpy(rng.normal(-4, 1, (1, 50, 80)).astype(np.float32))
    settings = recipe_of(weights).encoder
    with torch.inference_mode():
        every = encoder_network(settings, read_weights(weights))(rows).reshape(2, WIDTH)
        mean = encoder_network(replace(settings, combination="mean"), read_weights(weights))(rows)
    np.testing.assert_allclose(mean[0], every.mean(dim=0), atol=1e-6)
    # Signatures of runs without it do not mention it.
    assert "combination" not in settings.hashed
    assert replace(settings, combination="mean").hashed == {**settings.hashed, "combination": "mean"}


@pytest.mark.parametrize("quantised", [False, True])
def test_the_onnx_file_computes_what_torch_does(weights: Path, quantised: bool, rng: np.random.Generator) -> None:
    import onnxruntime
    import torch

    settings = EncoderSettings(str(weights), layers=(0, 2), statistics="mean-deviation", quantised=quantised)
    encoder = build_encoder(settings)
    assert encoder.values == 2 * 2 * WIDTH
    x = rng.normal(0, 1, (2, 120, 80)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(encoder.model()).run(None, {"features": x})
    with torch.inference_mode():
        expected = encoder_network(settings, read_weights(weights))(torch.from_numpy(x), None).numpy()
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    assert difference < (0.1 if quantised else 1e-4)


def test_an_encoder_is_built_once(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_encoder(recipe_of(weights).encoder)
    monkeypatch.setattr("emotone.fitting.encoder._exported", lambda *_: pytest.fail("exported again"))
    assert build_encoder(recipe_of(weights).encoder) == first


def test_a_modified_encoder_is_refused(
    weights: Path, encoders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_encoder(recipe_of(weights).encoder)
    monkeypatch.setenv("EMOTONE_CACHE", str(shutil.copytree(encoders, tmp_path / "cache")))
    encoder = build_encoder(recipe_of(weights).encoder)
    encoder.path.write_bytes(encoder.model() + b"0")
    with pytest.raises(SourceError, match="was modified after it was built; delete it to build it again"):
        encoder.model()


def test_layers_that_the_weights_lack_are_refused(weights: Path) -> None:
    with pytest.raises(SourceError, match="lacks"):
        build_encoder(recipe_of(weights, layers=(LAYERS + 1,)).encoder)


def test_the_signature_ignores_names(weights: Path, resolved: ResolvedEmbedding) -> None:
    renamed = EmbeddingRecipe("other", "emodb", encoder=recipe_of(weights).encoder, description="another text")
    assert resolve_embedding(renamed).signature == resolved.signature
    assert resolve_embedding(recipe_of(weights, quantised=False)).signature != resolved.signature


def test_a_trained_model_predicts(
    resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    labels = tuple(label for label in label_set("emodb").labels if label in {one.label for one in utterances})
    training = train_embedding(resolved, utterances, labels=labels)
    assert 0 < training.threshold <= SURE
    assert training.temperature > 0
    bundle = write_model(training, tmp_path / "model", evaluation="Never evaluated.")
    model = emotone.load(tmp_path / "model")
    model.bundle.check()
    assert model.labels == labels
    assert bundle.manifest.training.corpora == ("emodb",)
    card = (tmp_path / "model" / "CARD.md").read_text()
    assert "Never evaluated." in card
    assert "not a fact about a person" in card
    embedding = training.embeddings[utterances[0].key]
    assert model.bundle.probabilities_of(embedding[None]).shape == (1, len(labels))


def test_copies_of_recordings_are_trained_on_too(
    weights: Path, utterances: tuple[Utterance, ...], resolved: ResolvedEmbedding
) -> None:
    copy = "telephone/mu-law"
    recipe = replace(recipe_of(weights), copies=(copy,))
    few = utterances[::5]
    labels = tuple(sorted({one.label for one in few}))

    extracted = resolve_embedding(recipe).extract(few).features

    plain = resolved.extract(few).features
    changed = {key: extracted[copy_key(key, copy)] for key in plain}
    for one in few[:3]:
        signal = PERTURBATIONS.get("telephone").apply(read(one.path, rate=16_000)[0], "mu-law", scene())
        expected = RecordingEmbedding(resolved.encoder, recipe.windows).compute(signal)
        np.testing.assert_allclose(changed[one.key], expected, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(extracted[one.key], plain[one.key])
        assert not np.allclose(changed[one.key], plain[one.key], atol=1e-3)
    head = resolve_embedding(recipe).fit(few, extracted, labels=labels)
    both = np.stack([*plain.values(), *changed.values()]).astype(np.float64)
    np.testing.assert_allclose(head.mean, both.mean(axis=0), rtol=0, atol=1e-5)


def scene() -> Scene:
    return Scene(16_000, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("copies", "message"),
    [
        (("telefone/mu-law",), "unknown perturbation 'telefone/mu-law'; did you mean 'telephone/mu-law'"),
        (("babble/20-db",), "unknown perturbation 'babble/20-db'"),  # it needs recordings of other speakers
        (("telephone/mu-law", "telephone/mu-law"), "each may be named once"),
    ],
)
def test_wrong_copies_are_refused(copies: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EmbeddingRecipe("toy-encoder", "emodb", copies=copies)


def test_calibration_needs_two_speakers(resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...]) -> None:
    one = [each for each in utterances if each.speaker == utterances[0].speaker]
    labels = tuple(sorted({each.label for each in one}))
    with pytest.raises(RunError, match="calibration needs recordings of at least two speakers"):
        train_embedding(resolved, one, labels=labels)


# ----------------------------------------------------------------------------------------------------------------------
# Means of every layer of published networks, with random weights of their shapes.

__all__ = ["one_thread"]


def random_weights(name: str) -> ProbedSource:
    """Write random weights where a source's own are looked for, and return the source."""
    source, rng = SOURCES.get(name), np.random.default_rng(0)
    tensors = {
        each: np.abs(rng.normal(0, 0.05, shape)).astype(np.float32) if shape else np.zeros((), np.int64)
        for each, shape in source.shapes.items()
    }
    write_weights(converted_path(name), SourceWeights(name, tensors, "0" * 64, source.licence))
    return probed_source(name)


@pytest.mark.parametrize(
    ("name", "first", "last", "layers"),
    [
        ("letter-gru", ("norm1", 200), ("norm2", 200), 2),
        ("letter-convolution", ("conv1", 100), ("norm2", 200), 3),
        ("mn04", ("conv1", 8), ("embedding", 512), 7),
        ("yamnet", ("layer1", 32), ("embedding", 1024), 8),
    ],
)
def test_every_layer_has_a_mean(name: str, first: tuple[str, int], last: tuple[str, int], layers: int) -> None:
    source = random_weights(name)
    assert len(source.sizes) == layers
    assert next(iter(source.sizes.items())) == first
    assert list(source.sizes.items())[-1] == last
    spec = LayerMeans(name, source.sha256)
    noise = np.random.default_rng(1).normal(0, 0.1, 3 * spec.rate // 2).astype(np.float32)
    values = spec.compute(noise)
    assert values.shape == (sum(source.sizes.values()),)
    assert np.isfinite(values).all()
    parts = source.split(np.stack([values, 2 * values]))
    assert parts[last[0]].shape == (2, last[1])
    np.testing.assert_array_equal(np.concatenate(list(parts.values()), axis=1)[0], values)
    np.testing.assert_array_equal(spec.compute(noise), values)


def test_a_source_needs_its_weights() -> None:
    with pytest.raises(SourceError, match="weights of mn04 are not on this machine"):
        probed_source("mn04")


# ----------------------------------------------------------------------------------------------------------------------
# Detectors with a frozen encoder: the head is fitted on windows, and tested by the engine.

pytest.importorskip("torch")
LABELS = ("anger", "other")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("detector")


@pytest.fixture(scope="module")
def detector_utterances(folder: Path) -> tuple[Utterance, ...]:
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
def detector(recipe: EmbeddingRecipe) -> ResolvedEmbedding:
    return resolve_embedding(recipe)


def test_embeddings_are_those_of_the_windows_that_the_engine_analyses(
    detector: ResolvedEmbedding, detector_utterances: tuple[Utterance, ...]
) -> None:
    one = detector_utterances[0]
    found = detector.extract([one]).features
    bundle = encoder_bundle(detector.encoder, detector.recipe.windows)
    expected = analyse(bundle, [read(one.path, rate=16_000)[0]]).segments.outputs
    assert len(expected) > 1
    np.testing.assert_allclose(found[one.key], expected, rtol=0, atol=1e-6)


def test_silence_is_one_window(detector: ResolvedEmbedding) -> None:
    spec = WindowEmbeddings(detector.encoder, detector.recipe.windows)
    assert spec.compute(np.zeros(8_000, np.float32)).shape == (1, detector.encoder.values)


def test_a_detector_has_a_threshold_for_its_label_only(
    detector: ResolvedEmbedding, detector_utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    training = train_embedding(detector, detector_utterances, labels=LABELS)
    bundle = write_model(training, tmp_path / "model")
    assert set(bundle.manifest.thresholds) == {"anger"}
    assert 0 < bundle.manifest.thresholds["anger"] <= 1
    card = (tmp_path / "model" / "CARD.md").read_text()
    assert "| anger | from a probability of " in card
    assert "the classifier was fitted on single windows" in card


def test_folds_have_rows_of_windows_and_of_clips(
    detector: ResolvedEmbedding, detector_utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    done = evaluate_recipe(detector, detector_utterances, labels=LABELS, protocol_name="speaker-folds-2", out=tmp_path)
    table = done.table
    assert len(table.whole_utterances()) == len(detector_utterances)
    assert len(table) > 2 * len(detector_utterances)
    clip = table.whole_utterances()
    assert set(clip.truth) == set(LABELS)


def test_a_head_of_windows_is_not_adapted_to_speakers(
    detector: ResolvedEmbedding, detector_utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="choose a protocol without speaker-scaled"):
        evaluate_recipe(
            detector, detector_utterances, labels=LABELS, protocol_name="speaker-folds-2+speaker-scaled", out=tmp_path
        )


def test_copies_of_windows_are_rows_of_their_own(
    detector: ResolvedEmbedding, detector_utterances: tuple[Utterance, ...], recipe: EmbeddingRecipe
) -> None:
    copied = resolve_embedding(replace(recipe, copies=("speed/0.9",)))  # has another number of windows
    plain = detector.extract(detector_utterances).features
    both = copied.extract(detector_utterances).features
    assert len(both) == 2 * len(detector_utterances)
    assert sum(map(len, both.values())) != 2 * sum(map(len, plain.values()))
    head = copied.fit(detector_utterances, both, labels=LABELS)
    rows = np.concatenate([*both.values()])
    np.testing.assert_allclose(head.mean, rows.mean(axis=0), rtol=0, atol=1e-4)


def test_copies_of_windows_need_a_linear_head(recipe: EmbeddingRecipe) -> None:
    hidden = replace(recipe.head, hidden=HiddenSettings())
    with pytest.raises(ConfigError, match="those of windows are fitted by a linear head only"):
        replace(recipe, head=hidden, copies=("telephone/mu-law",))
