"""Training in two processes: the loss of one process, and a run that goes on after one of them was lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.toy import one_thread
from tests.training.divided import trained

from emotone.training.batches import Batch
from emotone.training.processes import Processes, current

__all__ = ["one_thread"]
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
