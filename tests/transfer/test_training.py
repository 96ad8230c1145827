"""The house's training loop leaves frozen layers alone: optimiser, weight decay, average of weights and resuming."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.toy import TINY_NET, one_thread, separable

from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.recipes.training import TrainingSettings
from emotone.training.batches import Examples, Task
from emotone.training.classification import train
from emotone.transfer.apply import TransferResult, transfer_into
from emotone.transfer.plans import Plan
from emotone.transfer.weights import SourceWeights

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.nets.blocks.base import Network
    from emotone.training.checkpoint import Epoch

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

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
