"""Blocks of images, and the gated recurrent unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.toy import one_thread

from emotone.bundles.contents import open_session, run_session
from emotone.errors import ConfigError
from emotone.fitting.onnx_export import onnx_bytes
from emotone.nets.architectures.audiovisual import AudiovisualLstm
from emotone.nets.architectures.faces import AlexNet, MiniXception
from emotone.nets.blocks.audiovisual import LeadingValues, Presence, SoundAndFace
from emotone.nets.blocks.base import Block, LinearClassifier, Network, ReluDense
from emotone.nets.blocks.chunk import Chunks, ContextLstm, EncoderChunks, FlatChunks, LastStepClassifier
from emotone.nets.blocks.cleaning import Centre
from emotone.nets.blocks.image import FaceImage, XceptionModule
from emotone.nets.blocks.recurrent import Activation, GruLayer, RevisedGru
from emotone.nets.blocks.reuse import MeanOfSteps
from emotone.nets.blocks.segments import SegmentCutter

# ----------------------------------------------------------------------------------------------------------------------
# The LSTM over chunks: the same numbers chunk by chunk and at once, in both directions, and for padded items.


def test_chunk_by_chunk_gives_the_outputs_of_all_chunks_at_once() -> None:
    block = ContextLstm(5, 4, bidirectional=False)
    x = torch.randn(2, 9, 5)
    expected, _ = block(x, None)
    state = None
    for place in range(x.shape[1]):
        y, state = block.step(x[:, place], state)
        torch.testing.assert_close(y, expected[:, place])


def test_an_output_depends_on_the_chunks_so_far_only() -> None:
    block = ContextLstm(3, 4, bidirectional=False)
    x = torch.randn(1, 6, 3)
    torch.testing.assert_close(block(x[:, :4], None)[0], block(x, None)[0][:, :4])


def test_the_other_direction_reads_an_items_own_chunks_backwards() -> None:
    block = ContextLstm(3, 4, bidirectional=True)
    assert block.back is not None
    x = torch.randn(1, 5, 3)
    padded = torch.cat([x, torch.full((1, 3, 3), 9.0)], dim=1)
    y, lengths = block(padded, torch.tensor([5]))
    assert lengths is not None
    assert lengths.tolist() == [5]
    backwards = block.back(x.flip(1))[0].flip(1)
    torch.testing.assert_close(y[:, :5, 4:], backwards)
    torch.testing.assert_close(y[:, :5], block(x, None)[0])
    assert (y[:, 5:] == 0).all()


def test_both_directions_have_no_steps() -> None:
    with pytest.raises(ValueError, match="needs all chunks"):
        ContextLstm(3, 4, bidirectional=True).step(torch.zeros(1, 3), None)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_outputs_are_classified(bidirectional: bool) -> None:
    block = LastStepClassifier(4, bidirectional=bidirectional, classes=3, dropout=0.0)
    x = torch.randn(2, 5, 8 if bidirectional else 4)
    values = [torch.cat([x[item, last, :4], x[item, 0, 4:]]) for item, last in ((0, 4), (1, 2))]
    expected = block.output(torch.stack(values))
    torch.testing.assert_close(block(x, torch.tensor([5, 3]))[0], expected)
    torch.testing.assert_close(block(x, None)[0][0], expected[0])


def test_chunks_that_no_item_has_are_removed_where_gradients_are_computed() -> None:
    block = Chunks(rows=4, silence=-9.0)
    x, lengths = torch.randn(2, 20, 3), torch.tensor([5, 9])
    whole, counts = SegmentCutter(rows=4, hop=4, silence=-9.0, drop=0.0, placement="grid")(x, lengths)
    cut, cut_counts = block(x, lengths)
    assert cut.shape[1] == 3
    assert torch.equal(cut, whole[:, :3])
    assert counts is not None
    assert cut_counts is not None
    assert cut_counts.tolist() == counts.tolist() == [2, 3]
    with torch.inference_mode():
        assert torch.equal(block(x, lengths)[0], whole)


def test_raw_chunks_are_all_their_values() -> None:
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(FlatChunks()(x, None)[0], x.reshape(2, 3, 20))


def test_outputs_of_an_encoder_are_averaged_over_layers_and_chunks() -> None:
    block = EncoderChunks(step=20, chunk=512)
    x = torch.randn(2, 3, 60, 4)  # 1.2 s: chunks start with the steps 0, 26 and 52, which is the first after 1.024 s
    means = x.mean(dim=1)
    y, lengths = block(x, torch.tensor([60, 30]))
    assert lengths is not None
    assert lengths.tolist() == [3, 2]
    torch.testing.assert_close(
        y[0], torch.stack([means[0, :26].mean(0), means[0, 26:52].mean(0), means[0, 52:].mean(0)])
    )
    torch.testing.assert_close(y[1, :2], torch.stack([means[1, :26].mean(0), means[1, 26:30].mean(0)]))
    assert not y[1, 2].any()
    torch.testing.assert_close(block(x, None)[0][0], y[0])


pytestmark = pytest.mark.usefixtures("one_thread")


# ----------------------------------------------------------------------------------------------------------------------
# Blocks for faces: rows to an image, TensorFlow's padding, and branches with absent parts.

SILENCE = -11.5


@pytest.mark.parametrize("channels", [1, 3])
def test_the_face_of_a_chunk_is_the_last_values_of_its_rows(channels: int) -> None:
    face = torch.rand(2, 16, 16, channels)
    rows = torch.cat([torch.randn(2, 64, 5), face.reshape(2, 64, -1)], dim=2)
    image, _ = FaceImage(rows=64, size=16, channels=channels, limits=(0.0, 1.0))(rows, None)
    torch.testing.assert_close(image, face.permute(0, 3, 1, 2))
    scaled, _ = FaceImage(rows=64, size=16, channels=channels)(rows[:, None], None)
    torch.testing.assert_close(scaled, 2 * face.permute(0, 3, 1, 2) - 1)


def test_an_absent_face_is_0() -> None:
    image, _ = FaceImage(rows=64, size=8, channels=1)(torch.full((1, 64, 1), SILENCE), None)
    assert not image.any()


@pytest.mark.parametrize("size", [7, 8])
def test_a_module_pools_as_tensorflow_does(size: int) -> None:
    block = XceptionModule(1, 1).eval()
    for separable in (block.first, block.second):
        torch.nn.init.dirac_(separable.depthwise.weight)
        torch.nn.init.ones_(separable.pointwise.weight)
        separable.norm.eps = 0.0
    torch.nn.init.zeros_(block.around.weight)
    x = torch.rand(1, 1, size, size)
    with torch.no_grad():
        y, _ = block(x, None)
    # TensorFlow's "same": a missing pixel is at the end, two are at both ends.
    before = 1 if size % 2 else 0
    for row, column in np.ndindex(*y.shape[2:]):
        top, left = 2 * row - before, 2 * column - before
        window = x[0, 0, max(0, top) : top + 3, max(0, left) : left + 3]
        assert float(y[0, 0, row, column]) == pytest.approx(float(window.max()), abs=1e-5)


def test_a_module_has_gradients_with_channels_last_in_memory() -> None:
    x = torch.rand(48, 60, 60, 8).permute(0, 3, 1, 2).requires_grad_()  # such a size ended the process
    block = XceptionModule(8, 16)
    block(x, None)[0].sum().backward()
    assert x.grad is not None
    strided = torch.nn.functional.conv2d(x, block.around.weight, stride=2)
    torch.testing.assert_close(block.around(x[:, :, ::2, ::2]), strided)


def test_presence_is_decided_per_chunk() -> None:
    x = torch.full((1, 3, 4, 6), SILENCE)
    x[0, 1, 2, 0] = -3.0  # sound in the second chunk
    x[0, 2, 0, 5] = 0.5  # a face in the third
    y, _ = Presence(sound_values=4, silence=SILENCE)(x, None)
    assert y[0, :, :, 6:].amax(dim=1).tolist() == y[0, :, :, 6:].amin(dim=1).tolist()
    assert y[0, :, 0, 6:].tolist() == [[0, 0], [1, 0], [0, 1]]
    assert torch.equal(y[..., :6], x)


def test_a_fitted_block_for_the_first_values_leaves_the_others(rng: np.random.Generator) -> None:
    rows = rng.normal(3, 1, (50, 5)).astype(np.float32)
    block = LeadingValues(Centre(2), 2)
    made = block.fit(rows, rng)
    np.testing.assert_allclose(made[:, :2].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_array_equal(made[:, 2:], rows[:, 2:])
    np.testing.assert_allclose(block(torch.from_numpy(rows), None)[0].numpy(), made, atol=1e-6)


class FlatRows(Block):
    """All rows of an item as one vector."""

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        return x.flatten(1), lengths


def branches(*, dropped: float) -> SoundAndFace:
    return SoundAndFace(
        {"a": FlatRows(), "b": ReluDense(8, 3)},
        {"a": FlatRows(), "b": ReluDense(4, 2)},
        sound_values=2,
        dropped=dropped,
    )


def chunks(flags: list[list[float]], *, batch: int = 1) -> torch.Tensor:
    x = torch.rand(batch, len(flags), 4, 5) + 0.1
    x[..., 3:] = torch.tensor(flags)[None, :, None, :]
    return x


def test_features_of_what_is_absent_are_0() -> None:
    block = branches(dropped=0.0)
    y, _ = block(chunks([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), None)
    assert y.shape == (1, 3, 3 + 1 + 2 + 1)
    assert y[0, 0, 4:].tolist() == [0, 0, 0]
    assert y[0, 1, :4].tolist() == [0, 0, 0, 0]
    assert y[0, :, 3].tolist() == [1, 0, 1]
    assert y[0, :, 6].tolist() == [0, 1, 1]


def test_training_removes_sound_or_face_of_whole_items_and_never_both() -> None:
    torch.manual_seed(0)
    block = branches(dropped=0.3)
    x = chunks([[1.0, 1.0], [1.0, 1.0]], batch=400)
    there = block.train()(x, None)[0][:, :, [3, 6]]
    assert torch.equal(there[:, 0], there[:, 1])
    share = (there[:, 0] == 0).float().mean(dim=0)
    torch.testing.assert_close(share, torch.tensor([0.3, 0.3]), atol=0.08, rtol=0)
    assert (there[:, 0].sum(dim=1) >= 1).all()
    assert (block.eval()(x, None)[0][:, :, [3, 6]] == 1).all()


def test_a_clip_without_a_face_does_not_depend_on_the_faces_layers() -> None:
    net = AudiovisualLstm(filters=(2,), units=3, context_units=4, size=64).build(192, 7).eval()
    x = torch.randn(1, 130, 192) - 5
    x[..., 128:] = SILENCE
    before = net(x, None)
    with torch.no_grad():
        for name, value in net.named_parameters():
            if name.startswith("blocks.branches.face."):
                value.add_(1.0)
    torch.testing.assert_close(net(x, None), before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MiniXception(size=12), "multiple of 8 pixels; given 12"),
        (lambda: AlexNet(channels=2), "1 or 3 channels; given 2"),
        (lambda: AlexNet(width=0.0), "width > 0; given 0"),
        (lambda: AudiovisualLstm(modality_dropout=0.6), "0 <= modality_dropout <= 0.5; given 0.6"),
        (lambda: AudiovisualLstm(context_units=0), "context_units >= 1; given 0"),
        (lambda: AudiovisualLstm(size=64).build(144, 7), "64 values per row, and the rows have 144; use the front end"),
        (lambda: AudiovisualLstm().build(8, 7), "16 values per row, and the rows have 8"),
    ],
)
def test_settings_out_of_range_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ConfigError, match=message):
        make()


# ----------------------------------------------------------------------------------------------------------------------
# Gated recurrent units: a step by step twin, padding, both directions, and the exported operator.

__all__ = ["one_thread"]


INPUTS, UNITS = 4, 3


def revised(activation: Activation, *, bidirectional: bool) -> RevisedGru:
    torch.manual_seed(0)
    block = RevisedGru(INPUTS, UNITS, activation=activation, bidirectional=bidirectional)
    with torch.no_grad():
        for value in block.parameters():
            value.normal_(std=0.7)
    return block


def slow(block: RevisedGru, x: Any) -> Any:
    """Return the outputs of the forward direction for one item, gate by gate, as Keras 2 documents them."""
    weights = block.ahead
    split = [np.split(value.detach().numpy(), 3) for value in (weights.input, weights.state, weights.bias)]
    (wz, wr, wh), (uz, ur, uh), (bz, br, bh) = split
    state, outputs = np.zeros(UNITS), []
    for row in x:
        z = np.clip(0.2 * (wz @ row + uz @ state + bz) + 0.5, 0, 1)
        r = np.clip(0.2 * (wr @ row + ur @ state + br) + 0.5, 0, 1)
        new = wh @ row + uh @ (r * state) + bh
        new = np.maximum(new, 0) if block.activation == "relu" else np.tanh(new)
        state = z * state + (1 - z) * new
        outputs.append(state)
    return np.stack(outputs)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_revised_gru_agrees_with_its_formula(activation: Activation) -> None:
    block, x = revised(activation, bidirectional=False), torch.randn(2, 7, INPUTS)
    y, lengths = block(x, None)
    assert lengths is None
    for item, expected in zip(x.numpy(), y.detach().numpy(), strict=True):
        np.testing.assert_allclose(expected, slow(block, item), atol=1e-6)
    assert activation in block.description


@pytest.mark.parametrize("block", [GruLayer(INPUTS, UNITS), revised("tanh", bidirectional=True)])
def test_both_directions_read_an_items_own_steps(block: Block) -> None:
    block.double()
    x = torch.randn(1, 5, INPUTS).double()
    padded = torch.cat([x, torch.full((1, 3, INPUTS), 9.0).double()], dim=1)
    y, lengths = block(padded, torch.tensor([5]))
    assert lengths is not None
    assert lengths.tolist() == [5]
    torch.testing.assert_close(y[:, :5], block(x, None)[0], atol=1e-12, rtol=0)
    assert (y[:, 5:] == 0).all()
    assert y.shape == (1, 8, 2 * UNITS)
    assert "direction" in block.description


def test_the_other_direction_is_the_same_layer_on_reversed_steps() -> None:
    block = revised("tanh", bidirectional=True)
    assert block.back is not None
    block.back.load_state_dict(block.ahead.state_dict())
    x = torch.randn(1, 6, INPUTS)
    y, flipped = block(x, None)[0], block(x.flip(1), None)[0]
    torch.testing.assert_close(y[..., :UNITS], flipped.flip(1)[..., UNITS:])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_it_is_exported_as_one_operator_with_the_same_outputs(bidirectional: bool) -> None:
    import onnx

    block = revised("relu", bidirectional=bidirectional)
    values = UNITS * (2 if bidirectional else 1)
    net = Network({"gru": block, "pool": MeanOfSteps(), "classifier": LinearClassifier(values, 2)})
    data = onnx_bytes(net, INPUTS)
    operators = [node.op_type for node in onnx.load_from_string(data).graph.node]
    assert operators.count("GRU") == 1
    assert not {"Loop", "Scan"} & set(operators)
    session = open_session(data, where="test", threads=1, dimension=INPUTS, values=2)
    for batch, time in ((1, 1), (3, 20), (2, 151)):
        x = torch.randn(batch, time, INPUTS)
        with torch.inference_mode():
            expected = net(x, None).numpy()
        np.testing.assert_allclose(run_session(session, x.numpy(), where="test", values=2), expected, atol=1e-5)


@pytest.mark.parametrize("block", [GruLayer(INPUTS, UNITS), revised("relu", bidirectional=False)])
def test_in_an_export_only_shapes_are_computed(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 7, INPUTS)
    shape = block(x, None)[0].shape
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert block(x, None)[0].shape == shape


def test_the_gradient_of_padded_items_is_that_of_the_items_one_by_one() -> None:
    torch.manual_seed(0)
    block = GruLayer(INPUTS, UNITS).double()
    items = [torch.randn(1, steps, INPUTS).double() for steps in (5, 3)]
    padded = torch.cat([torch.nn.functional.pad(each, (0, 0, 0, 6 - each.shape[1]), value=9.0) for each in items])
    found = []
    for outputs in ([block(padded, torch.tensor([5, 3]))[0]], [block(each, None)[0] for each in items]):
        block.zero_grad()
        sum(each.square().sum() for each in outputs).backward()
        found.append([value.grad.clone() for value in block.parameters() if value.grad is not None])
    assert len(found[0]) == 8
    for together, alone in zip(*found, strict=True):
        torch.testing.assert_close(together, alone, atol=1e-12, rtol=0)
