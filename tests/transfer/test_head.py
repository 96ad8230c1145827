"""Output layers are loaded label by label, or re-initialised; a frozen network needs all labels in the source."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.toy import one_thread

from emotone.errors import ConfigError, SourceError
from emotone.nets.architectures.multidomain import MultiDomain
from emotone.transfer.apply import transfer_into
from emotone.transfer.head import HeadSpec
from emotone.transfer.plans import named_plan
from emotone.transfer.weights import SourceWeights

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = MultiDomain(channels=4, units=3, hidden=5)
SCORES = ("blocks.output.linear.weight", "blocks.output.linear.bias")
THEIRS = ("anger", "fear", "sadness")


def built(labels: int, *, seed: int = 1) -> Any:
    torch.manual_seed(seed)
    return SPEC.build(1, labels)


@pytest.fixture
def weights() -> SourceWeights:
    tensors = {name: values.numpy().copy() for name, values in built(3, seed=2).state_dict().items()}
    return SourceWeights("mine", tensors, "ab" * 32, "CC0-1.0", THEIRS)


def head(*labels: str) -> HeadSpec:
    return HeadSpec(labels, SCORES, SPEC.groups[-1])


def test_equal_labels_are_loaded_unchanged(weights: SourceWeights) -> None:
    report = transfer_into(built(3), weights, named_plan("A1", SPEC.groups), head=head(*THEIRS)).report
    assert report.names("tuned", "fresh") == ()
    assert report.notes == ()


@pytest.mark.parametrize("name", ["A1", "A2", "A5"])
def test_labels_that_the_source_knows_are_loaded_in_the_targets_order(weights: SourceWeights, name: str) -> None:
    net = built(2)
    report = transfer_into(net, weights, named_plan(name, SPEC.groups), head=head("sadness", "anger")).report
    for tensor in SCORES:
        np.testing.assert_array_equal(net.state_dict()[tensor].numpy(), weights.tensors[tensor][[2, 0]])
    assert report.names("fresh") == ()
    assert report.lines()[-1] == "of the scores of mine (anger, fear, sadness), those of sadness, anger were loaded"


@pytest.mark.parametrize("name", ["A2", "A3", "A4", "A5"])
def test_scores_of_a_label_that_the_source_lacks_are_reinitialised(weights: SourceWeights, name: str) -> None:
    """As many labels, so that shapes alone would not tell."""
    net = built(3)
    drawn = {tensor: net.state_dict()[tensor].clone() for tensor in SCORES}
    report = transfer_into(net, weights, named_plan(name, SPEC.groups), head=head("anger", "boredom", "fear")).report
    assert report.names("fresh") == SCORES
    assert all(torch.equal(net.state_dict()[tensor], drawn[tensor]) for tensor in SCORES)
    assert report.lines()[-1] == (
        "mine has scores for anger, fear, sadness, but not for boredom: the output layer, output, is re-initialised"
    )
    assert set(report.left) == set(SCORES)
    np.testing.assert_array_equal(
        net.state_dict()["blocks.dense2.linear.bias"].numpy(), weights.tensors["blocks.dense2.linear.bias"]
    )


def test_a_plan_that_takes_over_no_scores_says_nothing_of_them(weights: SourceWeights) -> None:
    report = transfer_into(
        built(3), weights, named_plan("A8", SPEC.groups), head=head("anger", "boredom", "fear")
    ).report
    assert report.notes == ()
    assert set(SCORES) < set(report.names("fresh"))


def test_a_network_that_is_used_unchanged_must_know_every_label(weights: SourceWeights) -> None:
    net = built(2)
    before = {name: values.clone() for name, values in net.state_dict().items()}
    with pytest.raises(
        ConfigError,
        match=r"mine can't be used unchanged for anger, calm: it has no scores for calm, only for anger, fear",
    ):
        transfer_into(net, weights, named_plan("A1", SPEC.groups), head=head("anger", "calm"))
    assert all(torch.equal(values, before[name]) for name, values in net.state_dict().items())


def layers_alone(weights: SourceWeights) -> SourceWeights:
    """Return what a source of other things than labels has: nothing of the layers that decide."""
    kept = {name: values for name, values in weights.tensors.items() if "conv" in name or "sequence" in name}
    return replace(weights, tensors=kept, labels=())


def test_layers_that_decide_are_reinitialised_where_a_source_has_none(weights: SourceWeights) -> None:
    report = transfer_into(
        built(2), layers_alone(weights), named_plan("A4", SPEC.groups), head=head("anger", "calm")
    ).report
    assert {name.split(".")[1] for name in report.names("fresh")} == {"dense1", "dense2", "output"}
    assert {name.split(".")[1] for name in report.names("tuned")} == {"sequence"}
    assert report.notes == ("mine has no scores for labels: dense1, dense2, output is re-initialised",)
    with pytest.raises(
        ConfigError, match=r"mine can't be used unchanged: it has no scores for labels .no layer dense1, dense2"
    ):
        transfer_into(built(2), layers_alone(weights), named_plan("A1", SPEC.groups), head=head("anger", "calm"))


def test_a_source_without_labels_that_has_the_layers_must_have_all_of_them(weights: SourceWeights) -> None:
    tensors = {name: values for name, values in weights.tensors.items() if name != SCORES[0]}
    with pytest.raises(SourceError, match=r"blocks\.output\.linear\.weight is missing"):
        transfer_into(
            built(3), replace(weights, tensors=tensors, labels=()), named_plan("A2", SPEC.groups), head=head(*THEIRS)
        )
    with pytest.raises(SourceError, match=r"blocks\.output\.linear\.weight is missing"):
        transfer_into(
            built(2), replace(weights, tensors=tensors), named_plan("A2", SPEC.groups), head=head("fear", "anger")
        )


def test_scores_that_are_not_of_their_labels_are_rejected(weights: SourceWeights) -> None:
    wrong = replace(weights, labels=("anger", "fear", "sadness", "surprise"))
    with pytest.raises(SourceError, match=r"blocks\.output\.linear\.weight has the shape 3 x 5, the network's 2 x 5"):
        transfer_into(built(2), wrong, named_plan("A2", SPEC.groups), head=head("anger", "surprise"))


def test_without_a_head_every_tensor_must_fit(weights: SourceWeights) -> None:
    with pytest.raises(SourceError, match=r"blocks\.output\.linear\.weight has the shape 3 x 5, the network's 2 x 5"):
        transfer_into(built(2), weights, named_plan("A2", SPEC.groups))
