"""Recognisers of letters: archives as the tests write them, and the published networks where they are at hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import one_thread

from emotone.audio.read import read
from emotone.errors import SourceError
from emotone.features.front_ends.power_spectrogram import PowerSpectrogram
from emotone.metrics.ctc import greedy_text
from emotone.nets.architectures.letter_recogniser import LetterRecogniser
from emotone.nets.blocks.base import Network
from emotone.nets.blocks.letters import SymbolLayer, letter_layers
from emotone.transfer.letter_tensors import BANDS, CHARACTERS, SYMBOLS, UNITS, LetterTensors
from emotone.transfer.source import SOURCES
from emotone.transfer.sources.letter_convolution import TENSORS as CONVOLUTION
from emotone.transfer.sources.letter_gru import TENSORS as GRU

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.nets.settings import LetterKind

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
KINDS: dict[LetterKind, LetterTensors] = {"gru": GRU, "convolution": CONVOLUTION}
PUBLISHED = {
    "gru": ("asr_ctc_gru2x200_stereoboy_model3.npz", "asr_ctc_gru2x200"),
    "convolution": ("asr_ctc_conv_bigru_ohnozzy_model_end.npz", "asr_ctc_conv_bigru"),
}


def archive(kind: LetterKind, path: Path, *, without: str = "") -> dict[str, np.ndarray[Any, Any]]:
    """Write an archive with the names and layouts of Keras, and return its arrays."""
    tensors, rng = KINDS[kind], np.random.default_rng(0)
    shapes = tensors.shapes(symbols=False) | tensors.shapes(symbols=True)
    names = {
        "input": "kernel",
        "state": "recurrent_kernel",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for place, theirs in tensors.places.items():
        for name, shape in shapes.items():
            if name.rpartition(".")[0] == f"blocks.{place}" and not name.endswith("tracked"):
                ours = name.rpartition(".")[2]
                of_norm = {"weight": "gamma", "bias": "beta"}.get(ours, ours) if place.endswith("norm") else ours
                key = names.get(of_norm, {"weight": "kernel"}.get(of_norm, of_norm))
                arrays[f"{theirs}/{key}"] = rng.random(shape[::-1]).astype("f4")
    np.savez(path, allow_pickle=False, **{name: values for name, values in arrays.items() if name != without})
    return arrays


def whole(kind: LetterKind) -> Network:
    """Return the complete recogniser."""
    layers = letter_layers(kind, BANDS, units=UNITS)
    return Network({**layers, "symbols": SymbolLayer(UNITS, SYMBOLS)}).eval()


def loaded(kind: LetterKind, path: Path) -> Network:
    net, weights = whole(kind), SOURCES.get(f"letter-{kind}").read(path)
    net.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in weights.tensors.items()})
    return net


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_read(kind: LetterKind, tmp_path: Path) -> None:
    arrays = archive(kind, tmp_path / "mine.npz")
    net = loaded(kind, tmp_path / "mine.npz")
    theirs = KINDS[kind].places["gru2.ahead"]
    np.testing.assert_array_equal(net.state_dict()["blocks.gru2.ahead.input"].T.numpy(), arrays[f"{theirs}/kernel"])
    assert net.blocks["symbols"].description == "linear, log-softmax"


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_emotions_has_its_layers(kind: LetterKind, tmp_path: Path) -> None:
    archive(kind, tmp_path / "mine.npz")
    tensors = SOURCES.get(f"letter-{kind}").read(tmp_path / "mine.npz").tensors
    for layer in (1, 2):
        state = LetterRecogniser(kind=kind, layer=layer).build(BANDS, 7).state_dict()
        of_emotions = {"blocks.classifier.output.weight", "blocks.classifier.output.bias"}
        assert {name: value.shape for name, value in state.items() if name not in of_emotions} == {
            name: tensors[name].shape for name in state if name not in of_emotions
        }


def test_missing_and_other_arrays_are_reported(tmp_path: Path) -> None:
    archive("gru", tmp_path / "mine.npz", without="rnn-1/kernel")
    with pytest.raises(SourceError, match=r"missing: blocks\.gru2\.ahead\.input"):
        SOURCES.get("letter-gru").read(tmp_path / "mine.npz")
    archive("convolution", tmp_path / "other.npz")
    with pytest.raises(SourceError, match=r"unexpected: conv1d/kernel"):
        SOURCES.get("letter-gru").read(tmp_path / "other.npz")


@pytest.mark.parametrize("kind", KINDS)
def test_clips_shorter_than_the_convolution_have_one_step(kind: LetterKind) -> None:
    net = whole(kind)
    with torch.inference_mode():
        assert net(torch.randn(1, 1, BANDS)).shape == (1, 1, SYMBOLS)
        assert net(torch.randn(1, 20, BANDS)).shape[1] == (20 if kind == "gru" else 12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_network_gives_its_transcripts(kind: LetterKind, shared: Path) -> None:
    file, key = PUBLISHED[kind]
    net = loaded(kind, shared / "sources" / file)
    references = json.loads((shared / "sources" / "reference.json").read_text(encoding="utf-8"))
    recording = "emodb/wav/03a01Wa.flac"
    rows = PowerSpectrogram().compute(read(shared / "corpora" / recording, rate=16000).samples)
    with torch.inference_mode():
        scores = net(torch.from_numpy(rows)[None])[0].numpy()
    assert greedy_text(scores, CHARACTERS, blank=SYMBOLS - 1) == references[recording][key]["transcript_greedy"]
    assert len(scores) == references[recording][key]["frames"]
