from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from emotone.errors import RunError
from emotone.fitting.distillation.state import Measurement, State

if TYPE_CHECKING:
    from pathlib import Path

MEASURED = Measurement(2, 0.5, 0.25, 0.75, {"rain": (0.25, 0.75)}, 1.5)
STATE = State("s", 2, (0.5, 1), 0.1, (MEASURED,), {"net.a": torch.ones(2), "optimizer.0.step": torch.tensor(3.0)})


def test_a_state_comes_back(tmp_path: Path) -> None:
    STATE.save(tmp_path / "state")
    found = State.load(tmp_path / "state", signature="s")
    assert (found.step, found.losses, found.seconds, found.history) == (2, (0.5, 1), 0.1, (MEASURED,))
    assert torch.equal(found.part("net")["a"], torch.ones(2))
    assert set(found.part("optimizer")) == {"0.step"}


def test_a_state_of_another_training_is_refused(tmp_path: Path) -> None:
    STATE.save(tmp_path / "state")
    with pytest.raises(RunError, match="belongs to the training s, this one is t"):
        State.load(tmp_path / "state", signature="t")


@pytest.mark.parametrize(
    "change", [lambda data: data[:-3], lambda _: b"", lambda data: data.replace(b"losses", b"lasses")]
)
def test_a_damaged_state_is_said(tmp_path: Path, change: object) -> None:
    STATE.save(tmp_path / "state")
    assert callable(change)
    (tmp_path / "state").write_bytes(change((tmp_path / "state").read_bytes()))
    with pytest.raises(RunError, match="is no state of a student"):
        State.load(tmp_path / "state", signature="s")


def test_folders_that_are_no_mapping_are_said(tmp_path: Path) -> None:
    State("s", 0, (0.0, 0), 0.0, (Measurement(1, None, 0.0, 0.0, [], 0.0),), {"net.a": torch.ones(1)}).save(  # type: ignore[arg-type]
        tmp_path / "state"
    )
    with pytest.raises(RunError, match="folders are no mapping"):
        State.load(tmp_path / "state", signature="s")
