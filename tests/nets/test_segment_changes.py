"""Segments between change points: their starts, their values, and the weight of their lengths."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.toy import one_thread

from emotone.bundles.contents import MODEL, TrainingData, open_session, run_session
from emotone.errors import ConfigError
from emotone.fitting.export import write_net
from emotone.inference.engine import analyse
from emotone.inference.model import load
from emotone.nets.architectures.segment_networks import CHANGE, HOP, SegmentPool
from emotone.nets.blocks.segments import ChangePointPooling, SegmentClassifier, SegmentCutter
from emotone.recipes.library import load_recipe
from emotone.reproductions.cells import changed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.nets.blocks.base import Network

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
BANDS = 128  # of the recipe's front end
POOLS = ("mean-logit", "attention", "gated-attention", "log-sum-exp", "max")


def angles(*degrees: float) -> torch.Tensor:
    """Return seconds [1, seconds, 2] of unit length: the distance of two is 1 - cos of the angle between them."""
    turned = torch.tensor(degrees) * math.pi / 180
    return torch.stack([turned.cos(), turned.sin()], dim=1)[None]


def twin(seconds: list[list[float]], penalty: float) -> list[tuple[list[float], int]]:
    """Return the values of each long segment and its half seconds, computed as in the docstring."""
    count = len(seconds)

    def distance(place: int) -> float:
        if not 2 <= place < count - 2:
            return -1.0
        before, after = seconds[place - 2], seconds[place]
        return 1 - sum(a * b for a, b in zip(before, after, strict=True)) / math.hypot(*before) / math.hypot(*after)

    def begins_one(place: int) -> bool:
        return distance(place) > penalty and distance(place - 1) < distance(place) >= distance(place + 1)

    begins = [0, *filter(begins_one, range(2, count - 2))]
    made = []
    for first, end in zip(begins, [*begins[1:], count], strict=True):
        inside = [seconds[k] for k in range(first, end) if k + 1 not in begins and (k < count - 1 or count == 1)]
        made.append(([sum(column) / len(inside) for column in zip(*inside, strict=True)], end - first))
    return made


class Mean(torch.nn.Module):
    """A trunk without time: the mean over a segment's rows."""

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        return x.mean(dim=2), lengths


def long_segments(x: torch.Tensor, *, penalty: float, rows: int = 100) -> tuple[torch.Tensor, list[list[float]]]:
    """Return the long segments of rows [batch, time, bands] and the half seconds of each, with a mean as the trunk."""
    seconds, lengths = SegmentCutter(rows=rows, hop=HOP, silence=0.0, drop=1.0, placement="grid")(x, None)
    found, held = ChangePointPooling(penalty)(*Mean()(seconds, lengths))
    return found, held.tolist()


def test_two_constant_halves_are_two_segments() -> None:
    x = torch.zeros(1, 400, 2)
    x[:, :250, 0] = 1.0
    x[:, 250:, 1] = 3.0
    found, held = long_segments(x, penalty=0.5)
    assert held == [[5.0, 3.0, 0, 0, 0, 0, 0, 0]]
    assert found[0, :2].tolist() == [[1.0, 0.0], [0.0, 3.0]]  # seconds across the change belong to neither


@pytest.mark.parametrize("place", range(2, 13))
def test_a_change_is_found_at_every_half_second_that_has_seconds_around_it(place: int) -> None:
    x = torch.zeros(1, 15 * HOP, 2)
    x[:, : place * HOP, 0] = 1.0
    x[:, place * HOP :, 1] = 1.0
    _, held = long_segments(x, penalty=0.5)
    assert held[0][:2] == [place, 15 - place]


@pytest.mark.parametrize("place", [1, 13, 14])
def test_less_than_a_second_is_no_segment(place: int) -> None:
    x = torch.zeros(1, 15 * HOP, 2)
    x[:, : place * HOP, 0] = 1.0
    x[:, place * HOP :, 1] = 1.0
    _, held = long_segments(x, penalty=0.999)
    assert held[0][:2] == [15.0, 0.0]


def test_steady_sound_is_one_segment_whatever_its_length() -> None:
    for rows in (1, 49, 99, 100, 251, 800):
        found, held = long_segments(torch.ones(1, rows, 3), penalty=1e-4)
        assert held[0][0] == math.ceil(rows / HOP)
        assert sum(held[0][1:]) == 0
        if rows >= 100:  # the padded last second does not count
            filled = min(1.0, (rows - HOP * (held[0][0] - 2)) / 100)
            expected = (held[0][0] - 2 + filled) / (held[0][0] - 1)
            torch.testing.assert_close(found[0, 0], torch.full((3,), expected))


def test_three_sounds_are_three_segments() -> None:
    x = torch.zeros(1, 600, 3)
    for number, (first, end) in enumerate(((0, 200), (200, 350), (350, 600))):
        x[:, first:end, number] = 1.0
    found, held = long_segments(x, penalty=0.5)
    assert held[0][:4] == [4.0, 3.0, 5.0, 0.0]
    torch.testing.assert_close(found[0, :2], torch.eye(3)[:2])


def test_a_distance_up_to_the_penalty_is_no_change_and_of_two_that_rise_the_larger_is() -> None:
    turned = angles(0, 0, 0, 30, 60, 60, 60, 60)
    for penalty, expected in ((0.499, [4.0, 4.0]), (0.501, [8.0, 0.0])):  # 1 - cos 60 degrees = 0.5
        _, held = ChangePointPooling(penalty)(turned, None)
        assert held[0, :2].tolist() == expected


def test_of_equal_distances_side_by_side_the_first_begins_a_segment() -> None:
    _, held = ChangePointPooling(0.1)(angles(0, 0, 0, 90, 90, 0, 0, 0, 0, 0), None)
    assert held[0].tolist() == [3.0, 7.0] + [0.0] * 8


@settings(deadline=None)  # the first call pays for torch's start
@given(
    counts=st.lists(st.integers(1, 17), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
    penalty=st.sampled_from([0.05, 0.5, 1.0]),
)
def test_it_agrees_with_its_slow_twin_in_any_batch(counts: list[int], seed: int, penalty: float) -> None:
    x = torch.randn(len(counts), max(counts) + 2, 3, generator=torch.Generator().manual_seed(seed)).double()
    found, held = ChangePointPooling(penalty)(x, torch.tensor(counts))
    for item, count in enumerate(counts):
        expected = twin(x[item, :count].tolist(), penalty)
        assert held[item].tolist() == [size for _, size in expected] + [0] * (x.shape[1] - len(expected))
        means = torch.tensor([values for values, _ in expected]).double()
        torch.testing.assert_close(found[item, : len(expected)], means)


def test_seconds_of_zeros_are_far_from_nothing_and_near_nothing() -> None:
    found, held = ChangePointPooling(0.5)(torch.zeros(1, 9, 4), None)
    assert torch.isfinite(found).all()
    assert held.sum() == 9


@pytest.mark.parametrize("pool", POOLS)
def test_segments_count_by_their_length(pool: Any) -> None:
    """A segment of n half seconds is as good as n of one."""
    torch.manual_seed(3)
    made = SegmentClassifier(2, hidden=4, classes=3, dropout=0.0, pooling=pool, attention=2, penalty=0.5)
    plain = SegmentClassifier(2, hidden=4, classes=3, dropout=0.0, pooling=pool, attention=2)
    plain.load_state_dict(made.state_dict())
    x = torch.cat([angles(0, 0, 0, 45, 90, 90, 90, 90), angles(0, 0, 0, 0, 0, 0, 7, 9)])
    lengths = torch.tensor([8, 6])
    there = torch.cat([angles(0, 0, 0, 0, 90, 90, 90, 90), angles(0, 0, 0, 0, 0, 0, 7, 9)])
    expected, _ = plain(there, lengths)
    torch.testing.assert_close(made(x, lengths)[0], expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(made.eval()(x, lengths)[0], expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(made(x[:1], None)[0], expected[:1], atol=1e-6, rtol=1e-5)


def changing(batch: int, rows: int, bands: int = 64) -> torch.Tensor:
    """Return rows of a sound that becomes another one every 1.3 s."""
    kinds = torch.randn(batch, rows // 130 + 1, bands) * 3 - 6
    return kinds.repeat_interleave(130, dim=1)[:, :rows] + 0.3 * torch.randn(batch, rows, bands)


def segments_of(net: Network, x: torch.Tensor) -> list[int]:
    """Return how many longer segments each item has."""
    lengths = None
    for name, block in net.blocks.items():
        if name == "classifier":
            return (block.change_points(x, lengths)[1] > 0).sum(dim=1).tolist()  # type: ignore[operator, no-any-return]
        x, lengths = block(x, lengths)
    raise AssertionError("no classifier")


@dataclass(frozen=True)
class Exported:
    """A network with change points, and the folder of its model."""

    recipe: Any
    net: Network
    folder: Path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    torch.manual_seed(0)
    changes = {"placement": "changes", "pooling": "gated-attention", "width": 0.1, "change_threshold": 0.002}
    recipe: Any = changed(load_recipe("segment-pool"), tuple((f"net.{name}", to) for name, to in changes.items()))
    net = recipe.net_spec.build(BANDS, 4).eval()
    labels = ("anger", "happiness", "neutral", "sadness")
    data = TrainingData(corpora=("none",), protocol="none", recipe="none", signature="0" * 12)
    folder = tmp_path_factory.mktemp("models") / "model"
    write_net(folder, recipe, net, labels=labels, data=data)
    return Exported(recipe, net, folder)


def test_the_exported_net_finds_the_same_changes_in_windows_of_any_length(exported: Exported) -> None:
    torch.manual_seed(0)
    model = (exported.folder / MODEL).read_bytes()
    session = open_session(model, where="test", threads=1, dimension=BANDS, values=4)
    most = 0
    for rows in (1, 49, 98, 200, 298, 451, 798, 800):
        x = changing(2, rows, BANDS)
        with torch.inference_mode():
            expected = exported.net(x)
            most = max(most, *segments_of(exported.net, x))
        found = run_session(session, x.numpy(), where="test", values=4)
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5, err_msg=f"{rows} rows")
    assert most > 1


def test_an_item_of_a_batch_has_the_segments_that_it_has_alone() -> None:
    torch.manual_seed(1)
    net = SegmentPool(placement="changes", width=0.2, change_threshold=0.002).build(64, 4).eval()
    x, lengths = changing(3, 800), torch.tensor([800, 333, 20])
    with torch.inference_mode():
        padded = net(x, lengths)
        for item, rows in enumerate(lengths.tolist()):
            torch.testing.assert_close(padded[item], net(x[item : item + 1, :rows])[0], atol=1e-5, rtol=1e-5)


def test_the_default_penalty_is_the_trunks() -> None:
    for trunk, penalty in CHANGE.items():
        built: Any = SegmentPool(trunk=trunk, placement="changes", width=0.1).build(64, 4)  # type: ignore[arg-type]
        assert built.blocks["classifier"].change_points.penalty == penalty
    plain: Any = SegmentPool(width=0.1).build(64, 4)
    assert plain.blocks["classifier"].change_points is None


@pytest.mark.parametrize("change", [-0.1, 2.0, math.nan])
def test_a_penalty_is_a_distance(change: float) -> None:
    with pytest.raises(ConfigError, match="segment-pool needs 0 <= change_threshold < 2, where 0 is the trunk"):
        SegmentPool(placement="changes", change_threshold=change)


def test_a_model_with_change_points_predicts_the_output_of_the_network(
    exported: Exported, speech: Callable[..., NDArray[np.float32]]
) -> None:
    net = exported.net
    sound = speech(9.3, rate=32000)
    segments = analyse(load(exported.folder).bundle, [sound]).segments
    rows = torch.from_numpy(exported.recipe.feature.compute(sound))[None]
    with torch.inference_mode():
        assert max(segments_of(net, rows[:, :800])) > 1
        expected = [net(part).softmax(dim=1)[0].numpy() for part in (rows[:, :800], rows[:, 800:])]
    assert segments.starts.tolist() == [0.0, 8.0]
    np.testing.assert_allclose(segments.probabilities, expected, atol=1e-4)
