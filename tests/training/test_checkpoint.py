"""What training changes and stores: optimizers, averages of weights, and checkpoints."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.toy import TINY_NET
from tests.training.looping import KERAS, NOTHING, SETTINGS, build, run, task, timeless, trained

from emotone.errors import OutputError, RunError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.recipes.training import TrainingSettings
from emotone.training.batches import Batch, BatchSampler
from emotone.training.classification import schedule, train
from emotone.training.loop import Checkpoint, Epoch
from emotone.training.processes import Processes, current

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network


# ----------------------------------------------------------------------------------------------------------------------
# How weights move: optimizers and schedules as their authors have them, and the average of weights.


def test_the_average_is_the_moving_average_of_the_weights_after_each_step() -> None:
    built: list[Network] = []
    seen: list[torch.Tensor] = []

    def remembering() -> Network:
        built.append(build())
        return built[0]

    def remember(done: int, total: int) -> None:
        seen.append(torch.nn.utils.parameters_to_vector(built[0].parameters()).detach().clone())

    net, _ = train(remembering, task(development=NOTHING), replace(SETTINGS, epochs=2), on_batch=remember)
    average = seen[0]
    for weights in seen[1:]:
        average = 0.8 * average + 0.2 * weights
    torch.testing.assert_close(torch.nn.utils.parameters_to_vector(net.parameters()).detach(), average)


def test_a_constant_rate_neither_falls_nor_depends_on_how_long_it_goes_on() -> None:
    assert [schedule(step, 100, warmup=0.0, decays=False) for step in (0, 50, 100)] == [1.0, 1.0, 1.0]
    assert schedule(4, 100, warmup=0.1, decays=False) == 0.5
    settings = replace(SETTINGS, schedule="constant", ema_decay=0.0)
    of = task(development=NOTHING)
    long = run(replace(settings, epochs=3), of=of)[1]
    assert timeless(run(replace(settings, epochs=2), of=of)[1].history) == timeless(long.history[:2])


def test_adam_is_adamw_without_decay_and_gradients_are_taken_unchanged() -> None:
    """Two steps of the loop are two steps of torch's Adam with its default parameters.

    In float64: the true gradient of a bias in front of a batch norm is 0, and Adam divides a gradient by its size, so
    the first step follows the sign of rounding errors unless they are far below Adam's epsilon of 1e-8. Errors of
    1e-14, as on some processors, become 1e-6 of a step: the tolerance is 1e-5 of the two steps of 5e-3.
    """

    def build_float64() -> Network:
        built = LogMelCnn(**{**TINY_NET, "dropout": 0.0}).build(64, 2).double()
        built.register_forward_pre_hook(lambda _, args: (args[0].double(), *args[1:]))
        return built

    settings = TrainingSettings(
        epochs=1,
        batch_size=10,
        learning_rate=5e-3,
        weight_decay=0.0,
        warmup=0.0,
        label_smoothing=0.0,
        balance=1.0,
        crop_seconds=0.4,
        ema_decay=0.0,
        schedule="constant",
        grad_clip_norm=0.0,
        sampling="balanced",
        steps_per_epoch=2,
    )
    of = task(development=NOTHING)
    net, _ = train(build_float64, of, settings)
    torch.manual_seed(of.seed)
    twin = build_float64()
    adam = torch.optim.Adam(twin.parameters(), lr=5e-3)
    sampler = BatchSampler(batch_size=10, crop_frames=40, balance=1.0, sampling="balanced", steps_per_epoch=2)
    batches = list(sampler.batches(of.train, rng=np.random.default_rng([of.seed, 1])))
    for batch in batches:
        assert np.bincount(batch.labels).tolist() == [5, 5]
        logits = twin(torch.from_numpy(batch.inputs), torch.from_numpy(batch.lengths))
        adam.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.labels)).backward()  # type: ignore[no-untyped-call]
        adam.step()
    torch.testing.assert_close(net.state_dict(), twin.state_dict(), atol=1e-7, rtol=1e-9)


class KerasAdadelta:
    """Zeiler's algorithm in NumPy, with the default values that Keras gives it."""

    def __init__(self) -> None:
        self.gradients: Any = 0.0
        self.changes: Any = 0.0

    def __call__(self, gradient: Any) -> Any:
        """Return what is added to the parameter."""
        self.gradients = 0.95 * self.gradients + 0.05 * gradient**2
        change = -np.sqrt(self.changes + 1e-7) / np.sqrt(self.gradients + 1e-7) * gradient
        self.changes = 0.95 * self.changes + 0.05 * change**2
        return change


def test_adadelta_is_that_of_keras() -> None:
    """An epoch of the loop moves weights as the algorithm does that is written out above."""
    spec = LogMelCnn(**{**TINY_NET, "dropout": 0.0})
    of = task(development=NOTHING)
    net, _ = train(lambda: spec.build(64, 2), of, replace(KERAS, epochs=1))
    torch.manual_seed(of.seed)
    twin = spec.build(64, 2)
    rules = {name: KerasAdadelta() for name, _ in twin.named_parameters()}
    sampler = BatchSampler(batch_size=7, crop_frames=40, balance=0.5, sampling="shuffled", crop_mode="start")
    for batch in sampler.batches(of.train, rng=np.random.default_rng([of.seed, 1])):
        logits = twin(torch.from_numpy(batch.inputs), torch.from_numpy(batch.lengths))
        twin.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.labels)).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for name, parameter in twin.named_parameters():
                assert parameter.grad is not None
                parameter.add_(torch.from_numpy(rules[name](parameter.grad.numpy())))
    torch.testing.assert_close(net.state_dict(), twin.state_dict(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (55, 0.5), (100, 0.0)])
def test_the_learning_rate_rises_straight_and_falls_as_a_cosine(step: int, expected: float) -> None:
    assert schedule(step, 100, warmup=0.1) == pytest.approx(expected)


def test_the_schedule_without_warm_up_starts_at_its_peak_and_never_rises() -> None:
    shares = [schedule(step, 50, warmup=0.0) for step in range(51)]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert math.isclose(shares[-1], 0.0, abs_tol=1e-12)


def test_a_warm_up_shorter_than_a_step_does_not_overshoot() -> None:
    assert schedule(0, 5, warmup=0.1) == 1.0


# ----------------------------------------------------------------------------------------------------------------------
# Checkpoints: complete, without pickle, and rejected if damaged or from another training.

EPOCHS = (Epoch(1, 0.9, 0.5, 1.0), Epoch(2, 0.7, None, 1.5))


@pytest.fixture
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    tensors = {
        "net.weight": torch.randn(3, 4),
        "net.steps": torch.tensor(7),
        "best.weight": torch.randn(4, 3).T,  # not contiguous
        "optimizer.0.step": torch.tensor(7.0),
    }
    return Checkpoint("f00d", EPOCHS, 1, tensors)


@pytest.fixture
def path(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    checkpoint.save(tmp_path / "folder" / "checkpoint.safetensors")
    return tmp_path / "folder" / "checkpoint.safetensors"


def test_what_is_saved_is_loaded(checkpoint: Checkpoint, path: Path) -> None:
    loaded = Checkpoint.load(path, signature="f00d")
    assert loaded.history == EPOCHS
    assert loaded.best == 1
    assert set(loaded.tensors) == set(checkpoint.tensors)
    for name, value in checkpoint.tensors.items():
        assert torch.equal(loaded.tensors[name], value)
        assert loaded.tensors[name].dtype == value.dtype


def test_parts_are_taken_by_their_prefix(checkpoint: Checkpoint) -> None:
    assert set(checkpoint.part("net")) == {"weight", "steps"}
    assert set(checkpoint.part("optimizer")) == {"0.step"}
    assert checkpoint.part("ne") == {}


def test_the_file_is_a_json_header_and_plain_numbers(checkpoint: Checkpoint, path: Path) -> None:
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert json.loads(header.pop("__metadata__")["emotone"])["signature"] == "f00d"
    assert set(header) == set(checkpoint.tensors)
    ends = [entry["data_offsets"] for entry in header.values()]
    assert sum(end - start for start, end in ends) == len(data) - 8 - size


def test_nothing_is_left_beside_it(path: Path, checkpoint: Checkpoint) -> None:
    checkpoint.save(path)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_that_of_another_training_is_rejected(path: Path) -> None:
    with pytest.raises(RunError, match=r"the training f00d, this one is beef: settings or data have changed"):
        Checkpoint.load(path, signature="beef")


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_one_is_rejected(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match=r"is no checkpoint of emotone .*; delete it to start from scratch"):
        Checkpoint.load(path, signature="f00d")


def test_junk_and_a_missing_file_are_rejected(path: Path) -> None:
    path.write_bytes(b"nothing like it, but long enough to be looked at")
    with pytest.raises(RunError, match=r"is no checkpoint of emotone"):
        Checkpoint.load(path, signature="f00d")
    path.unlink()
    with pytest.raises(RunError, match=r"is no checkpoint of emotone"):
        Checkpoint.load(path, signature="f00d")


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"other": "1"},
        {"emotone": "{"},
        {"emotone": "[]"},
        {"emotone": json.dumps({"signature": "f00d", "best": 1})},
        {"emotone": json.dumps({"signature": "f00d", "best": "x", "history": []})},
        {"emotone": json.dumps({"signature": "f00d", "best": 1, "history": [{"number": 1}]})},
    ],
)
def test_tensors_without_their_history_are_rejected(path: Path, metadata: dict[str, Any] | None) -> None:
    save_file({"net.weight": torch.zeros(2)}, path, metadata)
    with pytest.raises(RunError, match=r"is no checkpoint of emotone .*; delete it to start from scratch"):
        Checkpoint.load(path, signature="f00d")


def test_a_failed_save_leaves_the_one_before(
    checkpoint: Checkpoint, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        checkpoint.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


# ----------------------------------------------------------------------------------------------------------------------
# Training in two processes: the loss of one process, and a run that goes on after one of them was lost.

ROOT = Path(__file__).resolve().parent.parent.parent

SCRIPT = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from emotone.training.processes import join
processes = join()
from tests.training.looping import trained
folder = Path(sys.argv[2])
found = trained(folder / "state", lost=folder / "lost")
if processes.is_first:
    (folder / "found").write_text(json.dumps([*found, processes.count]))
"""


@pytest.mark.timeout(600)
@pytest.mark.skipif("EMOTONE_TEST_PROCESSES" not in os.environ, reason="is slow: set EMOTONE_TEST_PROCESSES=1")
@pytest.mark.usefixtures("one_thread")
def test_two_processes_have_the_losses_of_one_also_after_one_was_lost(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--max-restarts", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, str(tmp_path / "script.py"), str(ROOT), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "lost").exists()
    history, total, count = json.loads((tmp_path / "found").read_text())
    assert count == 2
    expected, expected_total = trained(tmp_path / "alone")
    np.testing.assert_allclose(np.array(history), np.array(expected, np.float64), rtol=1e-5)
    assert total == pytest.approx(expected_total, rel=1e-5)


def test_a_batch_is_divided_by_rows() -> None:
    batch = Batch(np.arange(10, dtype=np.float32).reshape(5, 2, 1), None, np.arange(5), np.arange(5)[::-1], 0.3)
    parts = [Processes(rank, 2).part(batch) for rank in range(2)]
    assert [part.labels.tolist() for part in parts] == [[0, 2, 4], [1, 3]]
    assert [part.inputs[:, 0, 0].tolist() for part in parts] == [[0, 4, 8], [2, 6]]
    assert {part.weight for part in parts} == {0.3}
    assert Processes(0, 3).part(batch) is batch  # fewer than two rows for each
    assert current() == Processes()
