"""Published networks of sound and recognisers of letters: tensors and outputs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from emotone.audio.read import read
from emotone.errors import SourceError
from emotone.features.front_ends.spectrograms import PowerSpectrogram
from emotone.metrics.transcription import greedy_text
from emotone.nets.architectures.recognisers import LetterRecogniser
from emotone.nets.architectures.sound_events import Vggish
from emotone.nets.architectures.waveform_networks import SoundNet5
from emotone.nets.blocks.base import Network
from emotone.nets.blocks.recogniser import SymbolLayer, letter_layers
from emotone.transfer.apply import transfer_into
from emotone.transfer.plans import Plan
from emotone.transfer.source import SOURCES, Source
from emotone.transfer.sources.letter_recognisers import BANDS, CHARACTERS, SYMBOLS, UNITS, LetterTensors
from emotone.transfer.sources.letter_recognisers import CONVOLUTION_TENSORS as CONVOLUTION
from emotone.transfer.sources.letter_recognisers import GRU_TENSORS as GRU

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.nets.base import LetterKind


# ----------------------------------------------------------------------------------------------------------------------
# The first layers of the eight-layer SoundNet, from files that the tests write: pruned or whole, and wrong ones.

SOURCE = SOURCES.get("soundnet8")
NORM = ("weight", "bias", "running_mean", "running_var")


@pytest.fixture
def published() -> dict[str, NDArray[Any]]:
    """Arrays as a pruned net has them: two layers complete, of the third 41 of 64 filters."""
    rng = np.random.default_rng(8)
    arrays: dict[str, NDArray[Any]] = {"conv3.kept_of_64": np.arange(41)}
    for layer, shape in enumerate([(16, 1, 64), (32, 16, 32), (41, 32, 16)], start=1):
        arrays[f"conv{layer}.weight"] = rng.normal(size=shape).astype(np.float32)
        arrays[f"conv{layer}.bias"] = rng.normal(size=shape[0]).astype(np.float32)
        for name in NORM:
            arrays[f"bn{layer}.{name}"] = rng.uniform(0.5, 2, shape[0]).astype(np.float32)
    return arrays


def written(folder: Path, arrays: dict[str, NDArray[Any]]) -> Path:
    path = folder / "soundnet8.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_two_layers_fill_the_network_and_the_rest_is_reinitialised(
    published: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    weights = SOURCE.read(written(tmp_path, published))
    net = SoundNet5(channels=(16, 32, 64)).build(1, 2)
    report = transfer_into(net, weights, Plan(("conv1", "conv2"), ("conv1",))).report
    state = net.state_dict()
    for layer in (1, 2):
        found = state[f"blocks.conv{layer}.convolution.weight"].numpy()
        np.testing.assert_array_equal(found, published[f"conv{layer}.weight"])
        for name in NORM:
            found = state[f"blocks.conv{layer}.norm.{name}"].numpy()
            np.testing.assert_array_equal(found, published[f"bn{layer}.{name}"])
    assert {entry.name.split(".")[1] for entry in report.entries if entry.state == "fresh"} == {
        "conv3",
        "conv4",
        "conv5",
    }


def test_a_key_that_is_missing_and_one_that_is_not_expected_are_named(
    published: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    published["dense.weight"] = published.pop("bn2.running_var")
    with pytest.raises(SourceError, match=r"missing: blocks.conv2.norm.running_var; unexpected: dense.weight"):
        SOURCE.read(written(tmp_path, published))


def test_the_layers_of_another_network_are_rejected(published: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    published["conv1.weight"] = np.zeros((32, 1, 64), np.float32)
    with pytest.raises(SourceError, match=r"conv1.convolution.weight has 32 x 1 x 64, expected 16 x 1 x 64"):
        SOURCE.read(written(tmp_path, published))


def test_a_file_that_is_no_archive_says_how_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "soundnet8.npz"
    path.write_bytes(b"weights")
    with pytest.raises(SourceError, match=r"store the arrays of conv1, bn1, conv2 and bn2 as an .npz"):
        SOURCE.read(path)


def test_the_real_first_layers_can_be_read(shared: Path) -> None:
    weights = SOURCE.read(shared / "sources/soundnet8_pruned_psnet_fp32.npz")
    assert weights.tensors["blocks.conv2.convolution.weight"].shape == (32, 16, 32)


# ----------------------------------------------------------------------------------------------------------------------
# VGGish's published forms, as files that the tests write: all comes over, what is wrong is named.
#
# The published shapes make files of 290 MB; the files here hold a net of a sixteenth of the width, read by a source
# with its shapes. That the real source has the real net's shapes is a test of its own.

VGGISH_SOURCE = SOURCES.get("vggish")
WIDTH = 1 / 16


class Twin(nn.Module):
    """VGGish as PyTorch's users know it: a sequence of layers, then the image transposed to TensorFlow's order."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 1
        for outputs in (4, 0, 8, 0, 16, 16, 0, 32, 32, 0):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()] if outputs else [nn.MaxPool2d(2, 2)]
            inputs = outputs or inputs
        self.features = nn.Sequential(*layers)
        dense = [nn.Linear(32 * 24, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 8), nn.ReLU()]
        self.embeddings = nn.Sequential(*dense)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        image = self.features(x).transpose(1, 3).transpose(1, 2)
        found: torch.Tensor = self.embeddings(image.reshape(len(x), -1))
        return found


@pytest.fixture(scope="module")
def twin() -> Twin:
    torch.manual_seed(4)
    return Twin()


@pytest.fixture(scope="module")
def small() -> Source:
    """The source, of a narrower net."""
    shapes = {name: tuple(tensor.shape) for name, tensor in embedding_of(WIDTH).items()}
    return replace(VGGISH_SOURCE, shapes=shapes)


def embedding_of(width: float) -> dict[str, torch.Tensor]:
    """The tensors of a net without its classifier; of no values where they would be many."""
    with torch.device("meta" if width == 1 else "cpu"):
        state = Vggish(width=width).build(64, 4).state_dict()
    return {name: tensor for name, tensor in state.items() if "classifier" not in name}


def tensorflow(twin: Twin) -> dict[str, NDArray[np.float32]]:
    """The twin's weights by the names and in the layout of the TensorFlow checkpoint."""
    names = ["conv1", "conv2", "conv3/conv3_1", "conv3/conv3_2", "conv4/conv4_1", "conv4/conv4_2"]
    names += ["fc1/fc1_1", "fc1/fc1_2", "fc2"]
    layers = [layer for layer in (*twin.features, *twin.embeddings) if isinstance(layer, nn.Conv2d | nn.Linear)]
    arrays = {}
    for name, layer in zip(names, layers, strict=True):
        weight = layer.weight.detach().numpy()
        arrays[f"vggish/{name}/weights"] = weight.transpose(2, 3, 1, 0) if weight.ndim == 4 else weight.T
        assert layer.bias is not None
        arrays[f"vggish/{name}/biases"] = layer.bias.detach().numpy()
    return arrays


def embedded(tensors: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return what our net makes of a patch [batch, 96, 64] up to the embedding."""
    net = Vggish(width=WIDTH).build(64, 4).eval()
    net.load_state_dict({**net.state_dict(), **tensors})
    lengths = None
    for name, block in net.blocks.items():
        if name == "classifier":
            break
        x, lengths = block(x, lengths)
    return x


def check(source: Source, path: Path, twin: Twin) -> None:
    """Weights of a file give what the twin gives."""
    tensors = {name: torch.from_numpy(np.array(values)) for name, values in source.read(path).tensors.items()}
    patches = torch.randn(2, 96, 64)
    with torch.inference_mode():
        torch.testing.assert_close(embedded(tensors, patches), twin(patches[:, None]), atol=1e-6, rtol=1e-5)
        assert twin(patches[:, None]).abs().max() > 1e-3


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("archive", [True, False])
def test_the_pytorch_form_is_read(twin: Twin, small: Source, tmp_path: Path, archive: bool) -> None:
    torch.save(twin.state_dict(), tmp_path / "mine.pth", _use_new_zipfile_serialization=archive)
    check(small, tmp_path / "mine.pth", twin)


@pytest.mark.usefixtures("one_thread")
def test_the_postprocessor_is_left_out(twin: Twin, small: Source, tmp_path: Path) -> None:
    torch.save({**twin.state_dict(), "pproc.pca_matrix": torch.ones(8, 8)}, tmp_path / "mine.pth")
    check(small, tmp_path / "mine.pth", twin)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("end", ["", ":0"])
def test_the_tensorflow_form_is_read(twin: Twin, small: Source, tmp_path: Path, end: str) -> None:
    arrays = {f"{name}{end}": values for name, values in tensorflow(twin).items()}
    np.savez(tmp_path / "mine.npz", allow_pickle=False, **arrays)
    check(small, tmp_path / "mine.npz", twin)


@pytest.mark.usefixtures("one_thread")
def test_the_shapes_are_the_published_networks() -> None:
    assert {name: tuple(tensor.shape) for name, tensor in embedding_of(1).items()} == VGGISH_SOURCE.shapes
    assert sum(math.prod(shape) for shape in VGGISH_SOURCE.shapes.values()) == 72_141_184


@pytest.mark.usefixtures("one_thread")
def test_matrices_the_other_way_round_are_named(twin: Twin, small: Source, tmp_path: Path) -> None:
    state = twin.state_dict()
    state["embeddings.4.weight"] = state["embeddings.4.weight"].T
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(
        SourceError, match=r"wrong shapes: blocks.embedding.linear.weight has 256 x 8, expected 8 x 256$"
    ):
        small.read(tmp_path / "mine.pth")


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"conv1/weights": np.zeros(1)}, r"unexpected: conv1/weights"),
        ({"vggish/conv1/gamma": np.zeros(1)}, r"unexpected: vggish/conv1/gamma"),
        ({"vggish/logits/weights": np.zeros(1)}, r"unexpected: vggish/logits/weights"),
        ({"vggish/fc2/biases": np.zeros(3)}, r"blocks.embedding.linear.bias has 3, expected 128"),
    ],
)
def test_arrays_of_other_networks_are_named(
    tmp_path: Path, arrays: dict[str, NDArray[np.float64]], message: str
) -> None:
    np.savez(tmp_path / "mine.npz", allow_pickle=False, **arrays)
    with pytest.raises(SourceError, match=rf"does not contain vggish: .*{message}"):
        VGGISH_SOURCE.read(tmp_path / "mine.npz")


@pytest.mark.usefixtures("one_thread")
def test_another_file_of_the_published_name_is_rejected(twin: Twin, tmp_path: Path) -> None:
    torch.save(twin.state_dict(), tmp_path / "vggish-10086976.pth")
    with pytest.raises(SourceError, match=r"has SHA-256 .*; published: 10086976.*; download it again"):
        VGGISH_SOURCE.read(tmp_path / "vggish-10086976.pth")


@pytest.mark.usefixtures("one_thread")
def test_a_checkpoint_says_how_to_convert_it(tmp_path: Path) -> None:
    (tmp_path / "vggish_model.ckpt").write_bytes(b"a checkpoint")
    with pytest.raises(SourceError, match=r"TensorFlow checkpoints can't be read; write its arrays to an .npz"):
        VGGISH_SOURCE.read(tmp_path / "vggish_model.ckpt")


# ----------------------------------------------------------------------------------------------------------------------
# Recognisers of letters: archives as the tests write them, and the published networks where they are at hand.

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


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_read(kind: LetterKind, tmp_path: Path) -> None:
    arrays = archive(kind, tmp_path / "mine.npz")
    net = loaded(kind, tmp_path / "mine.npz")
    theirs = KINDS[kind].places["gru2.ahead"]
    np.testing.assert_array_equal(net.state_dict()["blocks.gru2.ahead.input"].T.numpy(), arrays[f"{theirs}/kernel"])
    assert net.blocks["symbols"].description == "linear, log-softmax"


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
def test_missing_and_other_arrays_are_reported(tmp_path: Path) -> None:
    archive("gru", tmp_path / "mine.npz", without="rnn-1/kernel")
    with pytest.raises(SourceError, match=r"missing: blocks\.gru2\.ahead\.input"):
        SOURCES.get("letter-gru").read(tmp_path / "mine.npz")
    archive("convolution", tmp_path / "other.npz")
    with pytest.raises(SourceError, match=r"unexpected: conv1d/kernel"):
        SOURCES.get("letter-gru").read(tmp_path / "other.npz")


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kind", KINDS)
def test_clips_shorter_than_the_convolution_have_one_step(kind: LetterKind) -> None:
    net = whole(kind)
    with torch.inference_mode():
        assert net(torch.randn(1, 1, BANDS)).shape == (1, 1, SYMBOLS)
        assert net(torch.randn(1, 20, BANDS)).shape[1] == (20 if kind == "gru" else 12)


@pytest.mark.usefixtures("one_thread")
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
