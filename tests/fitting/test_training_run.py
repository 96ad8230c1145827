"""A training run on disk: read back unchanged, and refused if damaged."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tests.toy import one_thread

from emotone.errors import ConfigError, EmotoneError, RunError
from emotone.fitting.training_run import RUN, WEIGHTS, load_net, load_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "copy")


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    text = json.loads((folder / RUN).read_text())
    change(text)
    (folder / RUN).write_text(json.dumps(text))


def test_the_network_is_read_back_in_eval_mode(trained: Path) -> None:
    run = load_run(trained)
    first, second = load_net(trained, run), load_net(trained, run)
    assert not first.training
    x = torch.randn(2, 50, 64)
    with torch.inference_mode():
        assert torch.equal(first(x, None), second(x, None))


def test_a_folder_without_a_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is no folder of a finished training .* that `emotone train` printed"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda text: text.update(schema="emotone.run/9"), RunError, "has schema 'emotone.run/9'; this version reads"),
        (lambda text: text.pop("schema"), RunError, r"run.json can't be read as a training run: KeyError\('schema'\)"),
        (lambda text: text.pop("labels"), RunError, r"can't be read as a training run: KeyError\('labels'\)"),
        (lambda text: text.update(transfer={"source": "x"}), RunError, r"as a training run: KeyError\('entries'\)"),
        (lambda text: text.update(history=3), RunError, "can't be read as a training run: TypeError"),
        (lambda text: text["recipe"].update(epochs=3), ConfigError, "run.json: unknown key 'epochs'"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    copy: Path, change: Callable[[dict[str, Any]], None], error: type[EmotoneError], message: str
) -> None:
    rewrite(copy, change)
    with pytest.raises(error, match=message):
        load_run(copy)


def test_a_truncated_description_is_refused(copy: Path) -> None:
    (copy / RUN).write_text((copy / RUN).read_text()[:100])
    with pytest.raises(RunError, match="can't be read as a training run: JSONDecodeError"):
        load_run(copy)


def test_weights_that_are_missing_damaged_or_of_another_net_are_refused(copy: Path) -> None:
    run = load_run(copy)
    (copy / WEIGHTS).write_bytes((copy / WEIGHTS).read_bytes()[:-10])
    with pytest.raises(RunError, match=r"weights\.safetensors does not fit the network of this training"):
        load_net(copy, run)
    (copy / WEIGHTS).unlink()
    with pytest.raises(RunError, match=r"weights\.safetensors does not fit the network of this training"):
        load_net(copy, run)


def test_every_tensor_must_fit(copy: Path) -> None:
    rewrite(copy, lambda text: text["recipe"]["net"].update(hidden=9))
    with pytest.raises(RunError, match=r"does not fit the network of this training: (.|\n)*classifier.hidden.weight"):
        load_net(copy, load_run(copy))
