"""VGGish's published forms, as files that the tests write: all comes over, what is wrong is named.

The published shapes make files of 290 MB; the files here hold a net of a sixteenth of the width, read by a source with
its shapes. That the real source has the real net's shapes is a test of its own.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.toy import one_thread
from torch import nn

from emotone.errors import SourceError
from emotone.nets.architectures.vggish import Vggish
from emotone.transfer.source import SOURCES, Source

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
SOURCE = SOURCES.get("vggish")
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
    return replace(SOURCE, shapes=shapes)


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


@pytest.mark.parametrize("archive", [True, False])
def test_the_pytorch_form_is_read(twin: Twin, small: Source, tmp_path: Path, archive: bool) -> None:
    torch.save(twin.state_dict(), tmp_path / "mine.pth", _use_new_zipfile_serialization=archive)
    check(small, tmp_path / "mine.pth", twin)


def test_the_postprocessor_is_left_out(twin: Twin, small: Source, tmp_path: Path) -> None:
    torch.save({**twin.state_dict(), "pproc.pca_matrix": torch.ones(8, 8)}, tmp_path / "mine.pth")
    check(small, tmp_path / "mine.pth", twin)


@pytest.mark.parametrize("end", ["", ":0"])
def test_the_tensorflow_form_is_read(twin: Twin, small: Source, tmp_path: Path, end: str) -> None:
    arrays = {f"{name}{end}": values for name, values in tensorflow(twin).items()}
    np.savez(tmp_path / "mine.npz", allow_pickle=False, **arrays)
    check(small, tmp_path / "mine.npz", twin)


def test_the_shapes_are_the_published_networks() -> None:
    assert {name: tuple(tensor.shape) for name, tensor in embedding_of(1).items()} == SOURCE.shapes
    assert sum(math.prod(shape) for shape in SOURCE.shapes.values()) == 72_141_184


def test_matrices_the_other_way_round_are_named(twin: Twin, small: Source, tmp_path: Path) -> None:
    state = twin.state_dict()
    state["embeddings.4.weight"] = state["embeddings.4.weight"].T
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(
        SourceError, match=r"wrong shapes: blocks.embedding.linear.weight has 256 x 8, expected 8 x 256$"
    ):
        small.read(tmp_path / "mine.pth")


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
        SOURCE.read(tmp_path / "mine.npz")


def test_another_file_of_the_published_name_is_rejected(twin: Twin, tmp_path: Path) -> None:
    torch.save(twin.state_dict(), tmp_path / "vggish-10086976.pth")
    with pytest.raises(SourceError, match=r"has SHA-256 .*; published: 10086976.*; download it again"):
        SOURCE.read(tmp_path / "vggish-10086976.pth")


def test_a_checkpoint_says_how_to_convert_it(tmp_path: Path) -> None:
    (tmp_path / "vggish_model.ckpt").write_bytes(b"a checkpoint")
    with pytest.raises(SourceError, match=r"TensorFlow checkpoints can't be read; write its arrays to an .npz"):
        SOURCE.read(tmp_path / "vggish_model.ckpt")
