"""Training after a transfer: selected layers, a new head, statistics, and the loop."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.net_inputs import BANDS, CLASSES, INPUTS, TINY, Input
from tests.toy import TINY_NET, separable

from emotone.errors import ConfigError, RunError, SourceError, UnknownNameError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.nets.architectures.waveform_networks import MultiDomain
from emotone.nets.base import NETS
from emotone.recipes.training import TrainingSettings
from emotone.training.batches import Examples, Task
from emotone.training.classification import train
from emotone.transfer.apply import HeadSpec, TransferResult, transfer_into
from emotone.transfer.plans import Plan, layer_of, named_plan, select
from emotone.transfer.statistics import BATCH, TENSORS, estimate_statistics, normalisations
from emotone.transfer.weights import SourceWeights

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.nets.blocks.base import Network
    from emotone.training.loop import Epoch
    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# The house's training loop leaves frozen layers alone: optimiser, weight decay, average of weights and resuming.

SETTINGS = TrainingSettings(
    epochs=3, batch_size=8, learning_rate=0.01, crop_seconds=0.4, ema_decay=0.8, weight_decay=0.1
)
NOTHING = Examples((), np.zeros(0, np.int64), np.zeros(0, np.int64))
TASK = Task(separable(24), NOTHING, hop_seconds=0.01, window=60, hop=20, signature="f00d", seed=3)
PLAN = Plan(load=("conv[123]",), freeze=("conv[12]",))


@pytest.fixture(scope="module")
def weights() -> SourceWeights:
    torch.manual_seed(9)
    source = LogMelCnn(**TINY_NET).build(64, 2)
    source.train()
    with torch.no_grad():
        source(torch.randn(8, 60, 64), None)  # statistics that are no longer 0 and 1
    return SourceWeights("source", {name: values.numpy().copy() for name, values in source.state_dict().items()})


class CutOffError(Exception):
    """Stands in for a machine that goes down."""


@pytest.mark.usefixtures("one_thread")
def test_frozen_layers_come_out_of_a_training_as_they_went_in(tmp_path: Path, weights: SourceWeights) -> None:
    done: list[TransferResult] = []

    def build() -> Network:
        net = LogMelCnn(**TINY_NET).build(64, 2)
        done.append(transfer_into(net, weights, PLAN))
        return net

    def stop(epoch: Epoch) -> None:
        if epoch.number == 2 and len(done) == 2:
            raise CutOffError

    net, _ = train(build, TASK, SETTINGS)
    done[0].freezer.check()
    state = net.state_dict()
    for name in done[0].report.names("frozen"):
        np.testing.assert_array_equal(state[name].numpy(), weights.tensors[name])
    assert not np.array_equal(
        state["blocks.conv3.convolution.weight"], weights.tensors["blocks.conv3.convolution.weight"]
    )

    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(CutOffError):
        train(build, TASK, SETTINGS, checkpoint=checkpoint, progress=stop)
    resumed, _ = train(build, TASK, SETTINGS, checkpoint=checkpoint)
    assert all(torch.equal(values, state[name]) for name, values in resumed.state_dict().items())
    done[-1].freezer.check()


# ----------------------------------------------------------------------------------------------------------------------
# Output layers are loaded label by label, or re-initialised; a frozen network needs all labels in the source.

SPEC = MultiDomain(channels=4, units=3, hidden=5)
SCORES = ("blocks.output.linear.weight", "blocks.output.linear.bias")
THEIRS = ("anger", "fear", "sadness")


def built(labels: int, *, seed: int = 1) -> Any:
    torch.manual_seed(seed)
    return SPEC.build(1, labels)


@pytest.fixture
def weights_with_head() -> SourceWeights:
    tensors = {name: values.numpy().copy() for name, values in built(3, seed=2).state_dict().items()}
    return SourceWeights("mine", tensors, "ab" * 32, "CC0-1.0", THEIRS)


def head(*labels: str) -> HeadSpec:
    return HeadSpec(labels, SCORES, SPEC.groups[-1])


@pytest.mark.usefixtures("one_thread")
def test_equal_labels_are_loaded_unchanged(weights_with_head: SourceWeights) -> None:
    report = transfer_into(built(3), weights_with_head, named_plan("A1", SPEC.groups), head=head(*THEIRS)).report
    assert report.names("tuned", "fresh") == ()
    assert report.notes == ()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", ["A1", "A2", "A5"])
def test_labels_that_the_source_knows_are_loaded_in_the_targets_order(
    weights_with_head: SourceWeights, name: str
) -> None:
    net = built(2)
    report = transfer_into(net, weights_with_head, named_plan(name, SPEC.groups), head=head("sadness", "anger")).report
    for tensor in SCORES:
        np.testing.assert_array_equal(net.state_dict()[tensor].numpy(), weights_with_head.tensors[tensor][[2, 0]])
    assert report.names("fresh") == ()
    assert report.lines()[-1] == "of the scores of mine (anger, fear, sadness), those of sadness, anger were loaded"


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", ["A2", "A3", "A4", "A5"])
def test_scores_of_a_label_that_the_source_lacks_are_reinitialised(weights_with_head: SourceWeights, name: str) -> None:
    """As many labels, so that shapes alone would not tell."""
    net = built(3)
    drawn = {tensor: net.state_dict()[tensor].clone() for tensor in SCORES}
    report = transfer_into(
        net, weights_with_head, named_plan(name, SPEC.groups), head=head("anger", "boredom", "fear")
    ).report
    assert report.names("fresh") == SCORES
    assert all(torch.equal(net.state_dict()[tensor], drawn[tensor]) for tensor in SCORES)
    assert report.lines()[-1] == (
        "mine has scores for anger, fear, sadness, but not for boredom: the output layer, output, is re-initialised"
    )
    assert set(report.left) == set(SCORES)
    np.testing.assert_array_equal(
        net.state_dict()["blocks.dense2.linear.bias"].numpy(), weights_with_head.tensors["blocks.dense2.linear.bias"]
    )


@pytest.mark.usefixtures("one_thread")
def test_a_plan_that_takes_over_no_scores_says_nothing_of_them(weights_with_head: SourceWeights) -> None:
    report = transfer_into(
        built(3), weights_with_head, named_plan("A8", SPEC.groups), head=head("anger", "boredom", "fear")
    ).report
    assert report.notes == ()
    assert set(SCORES) < set(report.names("fresh"))


@pytest.mark.usefixtures("one_thread")
def test_a_network_that_is_used_unchanged_must_know_every_label(weights_with_head: SourceWeights) -> None:
    net = built(2)
    before = {name: values.clone() for name, values in net.state_dict().items()}
    with pytest.raises(
        ConfigError,
        match=r"mine can't be used unchanged for anger, calm: it has no scores for calm, only for anger, fear",
    ):
        transfer_into(net, weights_with_head, named_plan("A1", SPEC.groups), head=head("anger", "calm"))
    assert all(torch.equal(values, before[name]) for name, values in net.state_dict().items())


def layers_alone(weights: SourceWeights) -> SourceWeights:
    """Return what a source of other things than labels has: nothing of the layers that decide."""
    kept = {name: values for name, values in weights.tensors.items() if "conv" in name or "sequence" in name}
    return replace(weights, tensors=kept, labels=())


@pytest.mark.usefixtures("one_thread")
def test_layers_that_decide_are_reinitialised_where_a_source_has_none(weights_with_head: SourceWeights) -> None:
    report = transfer_into(
        built(2), layers_alone(weights_with_head), named_plan("A4", SPEC.groups), head=head("anger", "calm")
    ).report
    assert {name.split(".")[1] for name in report.names("fresh")} == {"dense1", "dense2", "output"}
    assert {name.split(".")[1] for name in report.names("tuned")} == {"sequence"}
    assert report.notes == ("mine has no scores for labels: dense1, dense2, output is re-initialised",)
    with pytest.raises(
        ConfigError, match=r"mine can't be used unchanged: it has no scores for labels .no layer dense1, dense2"
    ):
        transfer_into(
            built(2), layers_alone(weights_with_head), named_plan("A1", SPEC.groups), head=head("anger", "calm")
        )


@pytest.mark.usefixtures("one_thread")
def test_a_source_without_labels_that_has_the_layers_must_have_all_of_them(weights_with_head: SourceWeights) -> None:
    tensors = {name: values for name, values in weights_with_head.tensors.items() if name != SCORES[0]}
    with pytest.raises(SourceError, match=r"blocks\.output\.linear\.weight is missing"):
        transfer_into(
            built(3),
            replace(weights_with_head, tensors=tensors, labels=()),
            named_plan("A2", SPEC.groups),
            head=head(*THEIRS),
        )
    with pytest.raises(SourceError, match=r"blocks\.output\.linear\.weight is missing"):
        transfer_into(
            built(2),
            replace(weights_with_head, tensors=tensors),
            named_plan("A2", SPEC.groups),
            head=head("fear", "anger"),
        )


@pytest.mark.usefixtures("one_thread")
def test_scores_that_are_not_of_their_labels_are_rejected(weights_with_head: SourceWeights) -> None:
    wrong = replace(weights_with_head, labels=("anger", "fear", "sadness", "surprise"))
    with pytest.raises(SourceError, match=r"blocks\.output\.linear\.weight has the shape 3 x 5, the network's 2 x 5"):
        transfer_into(built(2), wrong, named_plan("A2", SPEC.groups), head=head("anger", "surprise"))


@pytest.mark.usefixtures("one_thread")
def test_without_a_head_every_tensor_must_fit(weights_with_head: SourceWeights) -> None:
    with pytest.raises(SourceError, match=r"blocks\.output\.linear\.weight has the shape 3 x 5, the network's 2 x 5"):
        transfer_into(built(2), weights_with_head, named_plan("A2", SPEC.groups))


# ----------------------------------------------------------------------------------------------------------------------
# Patterns choose what they name, and one that chooses nothing is an error.

NAMES = (
    "blocks.conv1.convolution.weight",
    "blocks.conv1.norm.weight",
    "blocks.conv1.norm.running_mean",
    "blocks.conv2.convolution.weight",
    "blocks.conv10.convolution.weight",
    "blocks.pool.weigh.bias",
    "scale",
)


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (("conv1",), (0, 1, 2)),
        (("conv[12]",), (0, 1, 2, 3)),
        (("conv?",), (0, 1, 2, 3)),
        (("conv*",), (0, 1, 2, 3, 4)),
        (("*",), (0, 1, 2, 3, 4, 5, 6)),
        (("conv1.norm",), (1, 2)),
        (("*.norm",), (1, 2)),
        (("*.*.weight",), (0, 1, 3, 4)),
        (("blocks.conv2",), (3,)),
        (("pool.weigh.bias", "conv2"), (3, 5)),
        (("conv1", "conv1.norm"), (0, 1, 2)),
        (("scale",), (6,)),
        ((), ()),
    ],
)
def test_patterns_choose_in_the_order_of_the_net(patterns: tuple[str, ...], chosen: tuple[int, ...]) -> None:
    assert select(patterns, NAMES) == tuple(NAMES[index] for index in chosen)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "conv3",
            "no layer matches 'conv3'; did you mean 'conv2'? Layers with weights: conv1, conv2, conv10, pool, scale",
        ),
        ("conv1.norms", "no layer matches 'conv1.norms'; did you mean 'conv1.norm'?"),
        ("conv1.norm.weight.deeper", "no layer matches 'conv1.norm.weight.deeper'; did you mean 'conv1.norm.weight'?"),
        ("norm", "no layer matches 'norm'"),
        ("CONV1", "no layer matches 'CONV1'. Layers with weights: conv1"),
        ("", "no layer matches ''"),
    ],
)
def test_a_pattern_that_chooses_nothing_is_an_error(pattern: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=re.escape(message)):
        select(("conv1", pattern), NAMES)


def test_a_network_without_tensors_has_no_layers() -> None:
    with pytest.raises(UnknownNameError, match="Layers with weights: none"):
        select(("conv1",), ())


def test_layers_are_named_by_the_net() -> None:
    assert [layer_of(name) for name in NAMES[3:]] == ["conv2", "conv10", "pool", "scale"]


# ----------------------------------------------------------------------------------------------------------------------
# Re-estimated statistics against a slow reference that processes one window at a time.


def built_network(seed: int = 1) -> Network:
    torch.manual_seed(seed)
    return LogMelCnn(**TINY_NET).build(BANDS, CLASSES)


def windows(rng: np.random.Generator, lengths: list[int]) -> list[Array]:
    return [
        rng.normal(-8 + 0.1 * number, 2.0, (length, BANDS)).astype(np.float32) for number, length in enumerate(lengths)
    ]


def slow(net: Network, given: list[Array]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the statistics of one normalisation after another, from a list of all that comes to it."""
    net.eval()
    found = {}
    for name, module in normalisations(net).items():
        came: list[np.ndarray[Any, Any]] = []

        def keep(_: Any, x: Any, came: list[np.ndarray[Any, Any]] = came) -> None:
            came.append(np.moveaxis(x[0].numpy().astype(np.float64), 1, -1).reshape(-1, x[0].shape[1]))

        hook = module.register_forward_pre_hook(keep)
        with torch.inference_mode():
            for rows in given:
                net(torch.from_numpy(rows[None]), None)
        hook.remove()
        values = np.concatenate(came)
        found[f"{name}.running_mean"] = values.mean(axis=0)
        found[f"{name}.running_var"] = values.var(axis=0, ddof=1)
        state = net.state_dict()
        for tensor in TENSORS:
            state[f"{name}.{tensor}"].copy_(torch.from_numpy(found[f"{name}.{tensor}"]))
    return found


@pytest.mark.usefixtures("one_thread")
def test_statistics_agree_with_a_slow_reference(rng: np.random.Generator) -> None:
    given = windows(rng, [40] * 5 + [60] * (BATCH - 5 + 1))
    # Those of 60 that lie in a batch with those of 40 are heard as far as these reach.
    seen = [rows[: 40 if number < BATCH else 60] for number, rows in enumerate(given)]
    net, twin = built_network(), built_network()
    names = estimate_statistics(net, given)
    expected = slow(twin, seen)
    assert set(names) == set(expected)
    state = net.state_dict()
    for name, values in expected.items():
        np.testing.assert_allclose(state[name].numpy(), values, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("one_thread")
def test_neither_the_order_of_windows_nor_chance_plays_a_part(rng: np.random.Generator) -> None:
    given = windows(rng, [50] * 7)
    first, second = built_network(), built_network()
    estimate_statistics(first, given)
    torch.manual_seed(99)
    estimate_statistics(second, given[::-1])
    for name, values in first.state_dict().items():
        torch.testing.assert_close(values, second.state_dict()[name])


@pytest.mark.usefixtures("one_thread")
def test_nothing_else_changes_and_the_network_is_in_eval_mode(rng: np.random.Generator) -> None:
    net = built_network().train()
    before = {name: values.clone() for name, values in net.state_dict().items()}
    names = estimate_statistics(net, windows(rng, [30, 45, 70]))
    changed = {name for name, values in net.state_dict().items() if not torch.equal(values, before[name])}
    assert changed == set(names)
    assert not net.training
    assert not any(module._forward_pre_hooks for module in net.modules())


@pytest.mark.usefixtures("one_thread")
def test_a_single_window_is_too_few(rng: np.random.Generator) -> None:
    with pytest.raises(RunError, match="statistics need at least two windows; add recordings"):
        estimate_statistics(built_network(), windows(rng, [50]))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", NETS.names)
def test_every_network_with_statistics_has_all_of_them_estimated(name: str) -> None:
    torch.manual_seed(2)
    net = NETS.get(name)(**TINY.get(name, {})).build(BANDS, CLASSES)
    sounds = INPUTS.get(name, Input())
    given = [sounds.draw(1, max(sounds.lengths))[0].numpy() for _ in range(3)]
    names = estimate_statistics(net, given)
    assert set(names) == {tensor for tensor in net.state_dict() if tensor.endswith(TENSORS)}
    assert bool(names) is bool(normalisations(net))
    with torch.inference_mode():
        assert torch.isfinite(net(torch.from_numpy(np.stack(given)), None)).all()
