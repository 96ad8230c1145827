"""Encoders in the format of transformers: hidden states equal to its own, export, and a model that predicts."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.hub_models import FAMILIES, LAYERS, SHORTEST, WIDTH, write_model, write_whisper
from tests.toy import emodb_utterances, write_emodb

import emotone
from emotone.errors import ConfigError, MissingExtraError, SourceError
from emotone.features.front_ends.log_mel import WhisperLogMel
from emotone.features.front_ends.waveform import Waveform
from emotone.fitting.embedding import resolve_embedding
from emotone.fitting.embedding_training import train_embedding
from emotone.fitting.embedding_training import write_model as write_trained
from emotone.fitting.encoder import build_encoder, hub_whisper
from emotone.fitting.hub_encoder import hub_network
from emotone.fitting.hub_source import HubSource
from emotone.fitting.layer_means import probed_source
from emotone.recipes.embedding_recipe import EmbeddingRecipe, EncoderSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.fitting.encoder import Encoder
    from emotone.fitting.hub_source import HubFiles
    from emotone.nets.blocks.base import Network
    from emotone.types import Array

transformers = pytest.importorskip("transformers", reason="needs the extra transformers")
ROOT = Path(__file__).resolve().parents[2]
EVERY = tuple(range(LAYERS + 1))


def files_of(folder: Path) -> HubFiles:
    source = HubSource.parse(f"hf:{folder}")
    assert source is not None
    return source.files()


def network(folder: Path, *, layers: tuple[int, ...] = EVERY, statistics: Any = "mean") -> Network:
    return hub_network(files_of(folder), layers=layers, statistics=statistics)


def expected(model: Any, signal: Array, *, normalise: bool) -> list[Array]:
    """Return transformers' own hidden states [time, values] of a signal [time], from layer 0 on."""
    front_end = transformers.Wav2Vec2FeatureExtractor(do_normalize=normalise)
    samples = front_end(signal, sampling_rate=16000, return_tensors="np").input_values
    with torch.inference_mode():
        states = model(torch.from_numpy(samples), output_hidden_states=True).hidden_states
    return [state[0].numpy() for state in states]


def found(net: Network, *signals: Array) -> Array:
    """Return the network's values [signals, values]; signals of different lengths are a padded batch."""
    lengths = [len(signal) for signal in signals]
    batch = np.full((len(signals), max(lengths), 1), 9.0, np.float32)
    for row, signal in zip(batch, signals, strict=True):
        row[: len(signal), 0] = signal
    with torch.inference_mode():
        values = net(torch.from_numpy(batch), torch.tensor(lengths) if len(signals) > 1 else None)
    return np.asarray(values)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_values_are_statistics_of_the_hidden_states_of_transformers(
    family: str, normalise: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    model = write_model(tmp_path, family, normalise=normalise)
    signal = (0.1 + rng.normal(0, 0.1, 3000)).astype(np.float32)
    states = expected(model, signal, normalise=normalise)
    assert len(states) == len(EVERY)
    both = np.concatenate([[*state.mean(axis=0), *state.std(axis=0)] for state in states])
    np.testing.assert_allclose(found(network(tmp_path, statistics="mean-deviation"), signal)[0], both, atol=1e-5)
    mean = hub_network(files_of(tmp_path), layers=EVERY, statistics="mean", combination="mean")
    np.testing.assert_allclose(found(mean, signal)[0], np.mean([s.mean(axis=0) for s in states], axis=0), atol=1e-5)
    # Fewer layers are built, and none of them is normalised as the last one would be.
    lower = network(tmp_path, layers=(0,))
    np.testing.assert_allclose(found(lower, signal)[0], states[0].mean(axis=0), atol=1e-5)
    assert sum(map(torch.numel, lower.parameters())) < sum(map(torch.numel, network(tmp_path).parameters()))


@pytest.mark.parametrize("family", ["wav2vec2", "wavlm-large"])
def test_padding_changes_nothing(family: str, tmp_path: Path, rng: np.random.Generator) -> None:
    write_model(tmp_path, family)
    net = network(tmp_path, statistics="mean-deviation")
    signals = [rng.normal(0, 0.1, length).astype(np.float32) for length in (3000, 1000, 1)]
    one_by_one = np.concatenate([found(net, signal) for signal in signals])
    np.testing.assert_allclose(found(net, *signals), one_by_one, atol=1e-5)


@pytest.mark.parametrize("length", [1, 50, SHORTEST - 1])
def test_a_short_signal_is_filled_up_after_it_was_scaled(length: int, tmp_path: Path, rng: np.random.Generator) -> None:
    model, signal = write_model(tmp_path, "hubert"), rng.normal(1, 0.1, length).astype(np.float32)
    scaled = (signal - signal.mean()) / np.sqrt(signal.var() + 1e-7)
    filled = np.pad(scaled, (0, SHORTEST - length)).astype(np.float32)
    states = expected(model, filled, normalise=False)
    np.testing.assert_allclose(
        found(network(tmp_path), signal)[0], np.concatenate([state.mean(axis=0) for state in states]), atol=1e-5
    )


def values_of(encoder: Encoder, features: Array) -> Array:
    import onnxruntime

    session = onnxruntime.InferenceSession(encoder.model())
    (values,) = session.run(None, {"features": features})
    assert values.shape == (len(features), encoder.values)
    return np.asarray(values)


@pytest.mark.parametrize(("family", "layers"), [("wav2vec2", 1), ("wavlm-large", 2), ("data2vec-audio", 1)])
def test_an_exported_encoder_gives_the_same_values(
    family: str, layers: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    write_model(tmp_path, family, num_hidden_layers=layers)
    settings = EncoderSettings(f"hf:{tmp_path}", layers=(0, 1), statistics="mean-deviation", quantised=False)
    encoder, net = build_encoder(settings), network(tmp_path, layers=(0, 1), statistics="mean-deviation")
    for batch, length in ((1, 4000), (3, 1234), (2, 16), (1, 1)):
        features = rng.normal(0, 0.1, (batch, length, 1)).astype(np.float32)
        with torch.inference_mode():
            wanted = net(torch.from_numpy(features)).numpy()
        np.testing.assert_allclose(values_of(encoder, features), wanted, atol=1e-4)
    assert (encoder.rate, encoder.values, encoder.quantisation_loss()) == (16000, 4 * WIDTH, None)


def test_a_model_with_such_an_encoder_predicts(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    write_model(folder, "hubert", rate=8000)
    utterances = emodb_utterances(write_emodb(tmp_path / "emodb"))
    settings = EncoderSettings(f"hf:{folder}", layers=(1,))
    resolved = resolve_embedding(EmbeddingRecipe("own", "emodb", encoder=settings, licence="CC0-1.0"))
    assert resolved.encoder.feature.rate == 8000  # to which recordings are resampled
    labels = tuple(sorted({one.label for one in utterances}))
    training = train_embedding(resolved, utterances, labels=labels)
    write_trained(training, tmp_path / "model")
    model = emotone.load(tmp_path / "model")
    model.bundle.check()
    assert model.predict(ROOT / "examples" / "even.flac").clip.label in labels
    # Found by content: a copy elsewhere is the same encoder, other weights are another one.
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert build_encoder(EncoderSettings(f"hf:{copy}", layers=(1,))) == resolved.encoder
    write_model(tmp_path / "other", "hubert", rate=8000, seed=1)
    assert files_of(tmp_path / "other").sha256 != files_of(folder).sha256
    # 8-bit weights change little, which the card states.
    loss = resolved.encoder.quantisation_loss()
    assert loss is not None
    assert 0 < loss < 0.5
    assert f"8-bit weights, which change embeddings of synthetic sounds by {loss:.1%}" in (
        tmp_path / "model" / "CARD.md"
    ).read_text(encoding="utf-8")
    features = np.random.default_rng(0).normal(0, 0.1, (1, 8000, 1)).astype(np.float32)
    exact = found_by(network(folder, layers=(1,)), features)
    np.testing.assert_allclose(values_of(resolved.encoder, features), exact, atol=0.1)


def found_by(net: Network, features: Array) -> Array:
    with torch.inference_mode():
        return np.asarray(net(torch.from_numpy(features)))


def test_whisper_has_the_hidden_states_of_transformers(tmp_path: Path, rng: np.random.Generator) -> None:
    model = write_whisper(tmp_path)
    rows = rng.normal(-4, 1, (3000, 80)).astype(np.float32)  # 30 s, which transformers needs
    scaled = (np.maximum(rows, rows.max() - 8) + 4) / 4
    with torch.inference_mode():
        states = model.encoder(torch.from_numpy(scaled.T[None]), output_hidden_states=True).hidden_states
    settings = EncoderSettings(f"hf:{tmp_path}", layers=EVERY, peak=None, quantised=False)
    values = found_by(hub_whisper(settings, files_of(tmp_path)), rows[None])
    np.testing.assert_allclose(values[0], np.concatenate([state[0].mean(dim=0) for state in states]), atol=1e-5)


def test_an_encoder_of_whisper_is_exported_with_its_own_front_end(tmp_path: Path, rng: np.random.Generator) -> None:
    write_whisper(tmp_path)
    settings = EncoderSettings(f"hf:{tmp_path}", layers=(1,), quantised=False)
    encoder, rows = build_encoder(settings), rng.normal(-4, 1, (1, 100, 80)).astype(np.float32)
    assert encoder.front_end == {"name": "whisper-log-mel"}
    wanted = found_by(hub_whisper(settings, files_of(tmp_path)), rows)
    np.testing.assert_allclose(values_of(encoder, rows), wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_mel_bins": 128}, r"has num_mel_bins 128; encoders of Whisper must have 80"),
        ({"max_source_positions": 100}, r"has max_source_positions 100; encoders of Whisper must have 1500"),
    ],
)
def test_other_encoders_of_whisper_are_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_whisper(tmp_path, **settings)
    with pytest.raises(SourceError, match=message):
        build_encoder(EncoderSettings(f"hf:{tmp_path}", layers=(1,)))


def test_layers_that_whisper_lacks_are_refused(tmp_path: Path) -> None:
    write_whisper(tmp_path)
    with pytest.raises(SourceError, match=r"has 2 layers; allowed are 0 to 2; given 3"):
        build_encoder(EncoderSettings(f"hf:{tmp_path}", layers=(1, 3)))


def _config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def _truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("change", "layers", "message"),
    [
        (lambda _: None, (1, 3), r"has 2 layers; allowed are 0, the input of the first one, to 2; given 3"),
        (_truncated, (1,), r"the weights in .* can't be read, or do not fit config.json: "),
        (lambda folder: _config(folder, hidden_size=32), (1,), r"can't be read, or do not fit config.json: "),
        (
            lambda folder: _config(folder, num_hidden_layers=9),
            (5,),
            r"lack encoder.layers.2.*other tensors",
        ),
        (lambda folder: _config(folder, hidden_size="many"), (1,), r"config.json in .* does not fit: "),
    ],
)
def test_files_that_do_not_fit_are_refused(
    change: Callable[[Path], None], layers: tuple[int, ...], message: str, tmp_path: Path
) -> None:
    write_model(tmp_path, "wav2vec2")
    change(tmp_path)
    with pytest.raises(SourceError, match=message):
        build_encoder(EncoderSettings(f"hf:{tmp_path}", layers=layers))


@pytest.mark.parametrize("family", ["hubert", "whisper"])
def test_every_layer_is_probed(family: str, tmp_path: Path, rng: np.random.Generator) -> None:
    if family == "whisper":
        write_whisper(tmp_path)
        net = hub_whisper(EncoderSettings(f"hf:{tmp_path}", layers=EVERY), files_of(tmp_path))
    else:
        write_model(tmp_path, family, rate=8000)
        net = network(tmp_path)
    source = probed_source(f"hf:{tmp_path}")
    assert source.means.rate == (8000 if family == "hubert" else 16000)
    assert dict(source.sizes) == {"convolutions": WIDTH, "layer1": WIDTH, "layer2": WIDTH}
    signal = rng.normal(0, 0.1, 4000).astype(np.float32)
    rows = (WhisperLogMel() if family == "whisper" else Waveform()).compute(signal)
    values = source.means.compute(signal)
    np.testing.assert_allclose(values, found_by(net, rows[None])[0], atol=1e-6)
    assert source.split(values)["layer2"].shape == (WIDTH,)
    with pytest.raises(SourceError, match=r"was modified while it was used"):
        replace(source.means, sha256="other").compute(signal)


def test_without_transformers_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path, "wav2vec2")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"needs the package 'transformers'.*'emotone\[transformers\]'"):
        build_encoder(EncoderSettings(f"hf:{tmp_path}", layers=(1,)))


def test_layers_must_be_ascending(tmp_path: Path) -> None:
    write_model(tmp_path, "wav2vec2")
    with pytest.raises(ConfigError, match=r"needs layers in ascending order, each once; given \[2, 1\]"):
        build_encoder(EncoderSettings(f"hf:{tmp_path}", layers=(2, 1)))


def test_an_encoder_has_its_own_rate() -> None:
    with pytest.raises(ConfigError, match=r"rate is for onnx:FILE; hf:a/b has its own"):
        EncoderSettings("hf:a/b", rate=8000)
