"""Checkpoints: a training that stops and goes on, alone or in several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.training.divided import trained

from emotone.errors import OutputError, RunError
from emotone.training.batches import Batch
from emotone.training.checkpoint import Checkpoint, Epoch
from emotone.training.processes import Processes, current

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
from tests.training.divided import trained
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
