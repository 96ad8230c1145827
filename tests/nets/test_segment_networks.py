"""Networks that score segments: layers, pooling over segments, and VGGish."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from emotone.bundles.contents import open_session, run_session
from emotone.errors import ConfigError
from emotone.features.front_ends.log_mel import VggishLogMel
from emotone.fitting.onnx_export import onnx_bytes
from emotone.nets.architectures.segment_networks import DROP, HOP, SEGMENT_ROWS, SegmentMlp, SegmentPool
from emotone.nets.architectures.sound_events import Mn04, Vggish, Yamnet
from emotone.nets.blocks.segments import SegmentClassifier, SegmentCutter
from emotone.nets.blocks.spectrogram import Patch
from emotone.nets.layers import layer_table, parameter_count
from emotone.training.prefix import split
from emotone.transfer.apply import Freezer

if TYPE_CHECKING:
    from collections.abc import Callable


# ----------------------------------------------------------------------------------------------------------------------
#


def test_parameters_of_the_papers_best() -> None:
    assert parameter_count(layer_table(SegmentMlp(), 64, 4)) == (
        (96 * 64 + 1) * 200 + 2 * 200  # first layer and normalisation
        + 201 * 200 + 2 * 200
        + 201 * 4
    )  # fmt: skip


def test_dropout_and_normalisation_follow_every_layer() -> None:
    names = [type(one).__name__ for one in SegmentMlp(depth=3, units=5).build(64, 4).blocks["hidden"].modules()]
    parts = [name for name in names if name in {"Linear", "Dropout", "BatchNorm1d"}]
    assert parts == ["Linear", "Dropout", "BatchNorm1d"] * 2


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    net = SegmentMlp(units=20).build(64, 4)
    x = torch.randn(4, 96, 64)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


# ----------------------------------------------------------------------------------------------------------------------
# Segments of a window: their places, the trunk on each of them, and the pooling of their scores.

SILENCE = math.log(1e-5)
POOLS = ("mean-logit", "attention", "gated-attention", "log-sum-exp", "max")


def numbered(*lengths: int, dimension: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Return items whose rows hold their own number, and 99 after their ends."""
    x = torch.arange(max(lengths)).float()[None, :, None].repeat(len(lengths), 1, dimension)
    counts = torch.tensor(lengths)
    return torch.where(torch.arange(max(lengths))[None, :, None] < counts[:, None, None], x, 99.0), counts


def segments(**changed: Any) -> SegmentCutter:
    given: dict[str, Any] = {"rows": 4, "hop": 2, "silence": -1.0, "drop": 5.0, "placement": "grid"}
    return SegmentCutter(**{**given, **changed})


def burst(*, of: int, at: tuple[int, int], level: float = 0.0) -> torch.Tensor:
    """Return silent rows, with sound from one row to another."""
    x = torch.full((1, of, 3), SILENCE)
    x[0, at[0] : at[1]] = level
    return x


@pytest.mark.usefixtures("one_thread")
def test_a_segment_starts_at_every_multiple_of_the_hop_and_the_last_is_filled_with_silence() -> None:
    x, lengths = numbered(5, 2, 1)
    found, counts = segments()(x, lengths)
    assert counts is not None
    assert counts.tolist() == [3, 1, 1]
    assert found.shape == (3, 3, 4, 3)
    assert found[0, :, :, 0].tolist() == [[0, 1, 2, 3], [2, 3, 4, -1], [4, -1, -1, -1]]
    assert found[1, 0, :, 0].tolist() == [0, 1, -1, -1]
    alone, none = segments()(x[:1], None)
    assert none is None
    assert torch.equal(alone, found[:1])


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("rows", [1, 49, 50, 51, 100, 101, 400])
def test_there_are_as_many_segments_as_hops_that_start_inside(rows: int) -> None:
    found, counts = segments(rows=98, hop=50)(*numbered(rows))
    assert counts is not None
    assert counts.tolist() == [math.ceil(rows / 50)]
    assert found.shape[1] == math.ceil(rows / 50)


@pytest.mark.usefixtures("one_thread")
def test_with_speech_the_grid_spans_the_first_to_the_last_loud_row() -> None:
    placing = segments(rows=10, hop=5, silence=SILENCE, drop=DROP["mn04"], placement="speech")
    x = burst(of=60, at=(23, 41))
    found, counts = placing(x, None)
    assert counts is not None
    assert counts.tolist() == [4]  # 18 rows of sound
    assert torch.equal(found[0, 0], x[0, 23:33])
    assert torch.equal(found[0, 3], x[0, 38:48])
    late, lengths = torch.cat([x, x.roll(19, 1)]), torch.tensor([45, 60])
    moved, numbers = placing(late, lengths)  # padding does not count
    assert numbers is not None
    assert numbers.tolist() == [4, 4]
    assert torch.equal(moved[0, :4], moved[1, :4])


@pytest.mark.usefixtures("one_thread")
def test_rows_25_db_below_the_loudest_are_not_speech() -> None:
    placing = segments(rows=10, hop=5, silence=SILENCE, drop=DROP["mn04"], placement="speech")
    for decibels, counted in ((24, 6), (26, 2)):
        x = burst(of=60, at=(30, 40))
        x[0, 10:30] = -decibels * math.log(10) / 10
        _, counts = placing(x, None)
        assert counts is not None
        assert counts.tolist() == [counted]


@pytest.mark.usefixtures("one_thread")
def test_silence_alone_is_used_completely() -> None:
    _, counts = segments(rows=10, hop=5, silence=SILENCE, placement="speech")(torch.full((1, 21, 3), SILENCE), None)
    assert counts is not None
    assert counts.tolist() == [5]


@pytest.mark.usefixtures("one_thread")
def test_at_valleys_each_segment_starts_at_the_lowest_level_nearby() -> None:
    placing = segments(rows=30, hop=20, silence=SILENCE, placement="valleys")
    x = torch.zeros(1, 100, 3)
    for dip in (6, 27, 52, 85):  # 27 is nearest to 20, 52 is out of reach of 40 - 10 ... 40 + 9
        x[0, dip - 2 : dip + 3] = -5.0
    x[0, 64] = -0.5
    found, counts = placing(x, torch.tensor([100]))
    assert counts is not None
    assert counts.tolist() == [5]
    assert torch.equal(found[0, 0], x[0, 6:36])
    assert torch.equal(found[0, 1], x[0, 27:57])
    assert torch.equal(found[0, 4, :15], x[0, 85:])
    assert (found[0, 4, 15:] == SILENCE).all()
    assert torch.equal(placing(x, None)[0], found)


@pytest.mark.usefixtures("one_thread")
def test_valleys_of_a_padded_item_are_its_own() -> None:
    torch.manual_seed(0)
    placing = segments(rows=30, hop=20, silence=SILENCE, placement="valleys")
    x = torch.randn(2, 100, 3)
    alone, _ = placing(x[1:, :47], None)
    padded, counts = placing(x, torch.tensor([100, 47]))
    assert counts is not None
    assert counts.tolist() == [5, 3]
    assert torch.equal(padded[1, :3], alone[0])


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("trunk", "alone"), [("mn04", Mn04(width=0.2)), ("yamnet", Yamnet(width=0.1, offset=0.01))])
def test_each_segment_is_processed_like_an_input_of_the_trunk_and_its_weights_fit(trunk: Any, alone: Any) -> None:
    spec = SegmentPool(trunk=trunk, width=alone.width, offset=getattr(alone, "offset", 1e-5))
    rows = SEGMENT_ROWS[trunk]
    net, plain = spec.build(64, 4).eval(), alone.build(64, 4).eval()
    theirs = {name: values for name, values in plain.state_dict().items() if not name.startswith("blocks.classifier")}
    missing, unexpected = net.load_state_dict(theirs, strict=False)
    assert not unexpected
    assert all(name.startswith("blocks.classifier") for name in missing)
    x = torch.randn(2, HOP + rows, 64)
    with torch.inference_mode():
        ours, theirs_too = x, torch.cat([x[:1, :rows], x[:1, HOP:]])
        lengths = None
        for name, block in list(net.blocks.items())[:-1]:
            ours, lengths = block(ours, lengths)
            if name != "segments":
                theirs_too, _ = plain.blocks[name](theirs_too, None)
    torch.testing.assert_close(ours[0, :2], theirs_too, atol=1e-5, rtol=1e-5)


@pytest.mark.usefixtures("one_thread")
def test_with_a_frozen_trunk_only_the_classifier_runs_in_training() -> None:
    net = SegmentPool(width=0.2, placement="speech").build(64, 4)
    Freezer(net, [name for name in net.state_dict() if not name.startswith("blocks.classifier")])
    parts = split(net.train())
    assert parts is not None
    prefix, rest = parts
    assert list(rest.blocks) == ["classifier"]
    windows = [torch.randn(rows, 64).numpy() - 8 for rows in (400, 400, 130)]
    values, lengths = prefix.run(windows, 400)
    assert lengths is not None
    net.eval()
    with torch.inference_mode():
        for item, rows in enumerate(windows):
            ahead = rest(torch.from_numpy(values[item : item + 1]), torch.from_numpy(lengths[item : item + 1]))
            torch.testing.assert_close(ahead, net(torch.from_numpy(rows)[None]), atol=1e-5, rtol=1e-5)


@pytest.mark.usefixtures("one_thread")
def test_segments_that_follow_speech_are_in_the_exported_net() -> None:
    torch.manual_seed(0)
    net = (
        SegmentPool(trunk="yamnet", placement="speech", pooling="log-sum-exp", width=0.05, offset=0.01)
        .build(64, 4)
        .eval()
    )
    session = open_session(onnx_bytes(net, 64), where="test", threads=1, dimension=64, values=4)
    for rows in (1, 30, 298):
        x = torch.randn(2, rows, 64) - 2
        x[:, : rows // 3] = math.log(0.01)
        with torch.inference_mode():
            expected = net(x).numpy()
        found = run_session(session, x.numpy(), where="test", values=4)
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=f"{rows} rows")


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("pool", POOLS)
def test_pooling_by_its_formula(pool: Any) -> None:
    torch.manual_seed(1)
    made = SegmentClassifier(5, hidden=4, classes=3, dropout=0.0, pooling=pool, attention=2)
    assert made.hidden is not None
    x, lengths = torch.randn(2, 6, 5), torch.tensor([6, 2])
    found, none = made(x, lengths)
    assert none is None
    torch.testing.assert_close(made.eval()(x, lengths)[0], found, atol=1e-6, rtol=1e-5)
    for item, count in enumerate(lengths.tolist()):
        hidden = torch.relu(made.hidden(x[item, :count]))
        logits = made.output(hidden)
        if pool == "mean-logit":
            expected = logits.mean(dim=0)
        elif pool == "max":
            expected = logits.max(dim=0).values
        elif pool == "log-sum-exp":
            expected = logits.exp().mean(dim=0).log()
        else:
            assert made.look is not None
            assert made.weigh is not None
            key = torch.tanh(made.look(hidden))
            if pool == "gated-attention":
                assert made.gate is not None
                key = key * torch.sigmoid(made.gate(hidden))
            weights = made.weigh(key)[:, 0].exp()
            expected = sum(weight * row for weight, row in zip(weights / weights.sum(), logits, strict=True))
        torch.testing.assert_close(found[item], expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(made(x[:1], None)[0], found[:1])


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("pool", POOLS)
def test_one_segment_is_its_own_logits(pool: Any) -> None:
    made = SegmentClassifier(5, hidden=0, classes=3, dropout=0.0, pooling=pool, attention=2)
    x = torch.randn(4, 1, 5)
    torch.testing.assert_close(made(x, None)[0], made.output(x[:, 0]), atol=1e-6, rtol=1e-6)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("hidden", [0, 7])
def test_the_layer_table_counts_the_parameters_of_every_pooling(pool: Any, hidden: int) -> None:
    spec = SegmentPool(trunk="yamnet", pooling=pool, hidden=hidden, attention=3, width=0.1)
    assert parameter_count(layer_table(spec, 64, 4)) == sum(one.numel() for one in spec.build(64, 4).parameters())


# ----------------------------------------------------------------------------------------------------------------------
# VGGish: the published layers and number of parameters, short segments.


@pytest.mark.usefixtures("one_thread")
def test_parameters_are_those_of_the_published_network() -> None:
    counts = {layer.name: layer.parameters for layer in layer_table(Vggish(), 64, 4)}
    assert sum(count for name, count in counts.items() if name.startswith("conv")) == 4_499_712
    assert sum(count for name, count in counts.items() if name != "classifier") == 72_141_184


@pytest.mark.usefixtures("one_thread")
def test_the_layers_are_those_of_the_papers_table() -> None:
    outputs = {layer.name: layer.output for layer in layer_table(Vggish(), 64, 4)}
    assert outputs == {
        "patch": "1 x 96 x 64",
        "conv1": "64 x 48 x 32",
        "conv2": "128 x 24 x 16",
        "conv3_1": "256 x 24 x 16",
        "conv3_2": "256 x 12 x 8",
        "conv4_1": "512 x 12 x 8",
        "conv4_2": "512 x 6 x 4",
        "dense1": "4096",
        "dense2": "4096",
        "embedding": "128",
        "classifier": "4",
    }


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("hidden", "count"), [(0, 129 * 4), (100, 129 * 100 + 101 * 4), (400, 129 * 400 + 401 * 4)])
def test_the_classifier_has_a_hidden_layer_or_none(hidden: int, count: int) -> None:
    assert layer_table(Vggish(hidden=hidden), 64, 4)[-1].parameters == count


@pytest.mark.usefixtures("one_thread")
def test_a_patch_is_the_first_rows_filled_with_silence() -> None:
    patch = Patch(rows=4, silence=-5.0)
    x = torch.arange(12.0).reshape(2, 6, 1)
    image, lengths = patch(x, torch.tensor([3, 6]))
    assert image[:, 0, :, 0].tolist() == [[0, 1, 2, -5], [6, 7, 8, 9]]
    assert lengths is None
    assert patch(x[:, :2], None)[0][:, 0, :, 0].tolist() == [[0, 1, -5, -5], [6, 7, -5, -5]]


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("samples", [1, 399, 8000, 15999])
def test_a_short_segment_equals_one_padded_with_zeros_to_a_second(samples: int) -> None:
    torch.manual_seed(0)
    net = Vggish(width=0.125).build(64, 4).eval()
    sound = np.random.default_rng(5).normal(0, 0.1, samples).astype(np.float32)
    padded = np.concatenate([sound, np.zeros(16000 - samples, np.float32)])
    with torch.inference_mode():
        alone, whole = (net(torch.from_numpy(VggishLogMel().compute(one))[None]) for one in (sound, padded))
    torch.testing.assert_close(alone, whole, atol=1e-5, rtol=1e-5)


@pytest.mark.usefixtures("one_thread")
def test_too_few_bands_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"vggish needs rows of at least 16 bands; given 15"):
        Vggish().build(15, 4)


# ----------------------------------------------------------------------------------------------------------------------
# Settings.


@pytest.mark.parametrize(
    ("net", "settings", "message"),
    [
        (SegmentMlp, {"depth": 1}, r"segment-mlp needs depth >= 2 and units >= 1; given 1 and 200"),
        (SegmentMlp, {"units": 0}, r"segment-mlp needs depth >= 2 and units >= 1; given 2 and 0"),
        (SegmentMlp, {"offset": -1.0}, r"segment-mlp needs offset > 0, the offset of its front end; given -1.0"),
        (SegmentMlp, {"dropout": 1.0}, r"segment-mlp needs 0 <= dropout < 1; given 1.0"),
        (SegmentPool, {"trunk": "vggish"}, r"segment-pool: unknown trunk 'vggish'"),
        (SegmentPool, {"pooling": "mean-logits"}, r"segment-pool: unknown pooling 'mean-logits'.*mean-logit"),
        (SegmentPool, {"placement": "pauses"}, r"segment-pool: unknown placement 'pauses'"),
        (SegmentPool, {"attention": 0}, r"segment-pool needs attention >= 1; given 0"),
        (SegmentPool, {"dropout": 1.0}, r"segment-pool needs 0 <= dropout < 1; given 1.0"),
        (SegmentPool, {"offset": 0.0}, r"segment-pool needs offset > 0, the offset of its front end; given 0.0"),
        (Vggish, {"width": -1.0}, r"vggish needs width > 0; given -1.0"),
        (Vggish, {"hidden": -1}, r"vggish needs hidden >= 0, where 0 means no hidden layer; given -1"),
    ],
)
def test_settings_out_of_range_are_refused(net: Callable[..., object], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        net(**settings)
