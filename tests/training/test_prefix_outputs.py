"""Outputs of frozen blocks are computed once: trainings give the same result, and the cache is found by content."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import TINY_NET, one_thread, placing, separable

from emotone.augment.augmentations.log_mel import SpecMask
from emotone.errors import OutputError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.nets.architectures.waveform_networks import SoundNet5
from emotone.recipes.training import TrainingSettings
from emotone.training import prefix_outputs
from emotone.training.batches import Examples, PrefixOutputs, Task
from emotone.training.classification import train
from emotone.training.development import window_probabilities
from emotone.training.prefix import Prefix, split
from emotone.training.prefix_outputs import WindowLayout, compute_outputs
from emotone.transfer.apply import Freezer
from emotone.transfer.plans import select

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.nets.blocks.base import Network
    from emotone.training.loop import TrainingResult

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

TRUNK = ("conv?", "mix", "pool")
SETTINGS = TrainingSettings(
    epochs=3,
    batch_size=8,
    learning_rate=0.01,
    crop_seconds=0.4,
    ema_decay=0.8,
    patience=9,
    crop_mode="grid",
    sampling="shuffled",
)
COMPARED = replace(SETTINGS, optimizer="adadelta", weight_decay=0.0, learning_rate=1.0)
UNSEEN = separable(10, seed=7, corpora=2)
TASK = Task(separable(24), UNSEEN, hop_seconds=0.01, window=30, hop=15, signature="f00d", seed=3)


def build(*patterns: str, hidden: int = 8) -> Network:
    net = LogMelCnn(**{**TINY_NET, "hidden": hidden}).build(64, 2)
    with torch.no_grad():
        net(torch.randn(8, 60, 64, generator=torch.Generator().manual_seed(0)), None)
    Freezer(net, select(patterns, net.state_dict()))
    return net


def run(settings: TrainingSettings, *patterns: str, of: Task = TASK, **options: Any) -> tuple[Network, TrainingResult]:
    return train(lambda: build(*patterns), of, settings, **options)


def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the precomputation."""
    monkeypatch.setattr("emotone.training.classification.precompute_prefix", lambda *_given, **_options: None)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"crop_mode": "start"},
        {"monitor": "auroc"},
        {"sampling": "balanced", "steps_per_epoch": 4},
        {"ema_decay": 0.0, "patience": 0},
    ],
    ids=["windows", "starts", "areas", "equal shares", "no development"],
)
@pytest.mark.parametrize("patterns", [("conv[12]",), TRUNK], ids=["two", "trunk"])
@pytest.mark.parametrize("min_frames", [0, 10])
def test_a_training_is_that_of_the_slow_reference(
    changes: dict[str, Any], patterns: tuple[str, ...], min_frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(COMPARED, **changes)
    of = replace(TASK, min_frames=min_frames)
    if settings.patience == 0:
        nothing = Examples((), np.zeros(0, np.int64), np.zeros(0, np.int64))
        of = replace(of, development=nothing)
    fast, trained = run(settings, *patterns, of=of)
    without(monkeypatch)
    slow, expected = run(settings, *patterns, of=of)
    assert trained.best == expected.best
    for one, two in zip(trained.history, expected.history, strict=True):
        assert one.loss == pytest.approx(two.loss, abs=1e-5)
        assert one.score == pytest.approx(two.score, abs=1e-5)
    torch.testing.assert_close(learned(fast), learned(slow), atol=1e-5, rtol=1e-5)
    for rows in UNSEEN.features:
        given, wanted = (window_probabilities(net, rows, **placing(of)) for net in (fast, slow))
        np.testing.assert_allclose(given, wanted, atol=1e-5)
    assert not fast.training


def learned(net: Network) -> dict[str, torch.Tensor]:
    """Return the weights except those that a batch normalisation cancels, which only rounding errors change."""
    return {
        name: value
        for name, value in net.state_dict().items()
        if name not in {"blocks.classifier.hidden.bias", "blocks.classifier.norm.running_mean"}
    }


def test_raw_samples_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(8, dtype=np.int64) % 2
    sounds = tuple(
        (rng.normal(size=(int(rng.integers(9000, 22000)), 1)) * (1 + label)).astype(np.float32) for label in labels
    )
    of = Task(
        Examples(sounds, labels, np.zeros(8, np.int64)),
        Examples(sounds[:4], labels[:4], np.zeros(4, np.int64)),
        hop_seconds=1 / 16000,
        window=16000,
        hop=8000,
        signature="f00d",
        seed=3,
        min_frames=8000,
    )

    def sounding() -> Network:
        net = SoundNet5().build(1, 2)
        Freezer(net, select(["conv[123]"], net.state_dict()))
        return net

    settings = replace(SETTINGS, epochs=2, batch_size=4)
    fast, _ = train(sounding, of, settings)
    without(monkeypatch)
    slow, _ = train(sounding, of, settings)
    torch.testing.assert_close(fast.state_dict(), slow.state_dict(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("patience", [0, 1])
def test_windows_that_are_not_given_are_not_computed(patience: int, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = tuple(np.array([0, 15][: 1 + number % 2]) for number in range(24))
    given = replace(separable(24), starts=starts)
    of = replace(TASK, train=given, development=given if patience else TASK.development)
    settings = replace(COMPARED, patience=patience)
    fast, trained = run(settings, *TRUNK, of=of)
    without(monkeypatch)
    slow, expected = run(settings, *TRUNK, of=of)
    for one, two in zip(trained.history, expected.history, strict=True):
        assert one.loss == pytest.approx(two.loss, abs=1e-5)
        assert one.score == pytest.approx(two.score, abs=1e-5)
    torch.testing.assert_close(learned(fast), learned(slow), atol=1e-5, rtol=1e-5)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the windows that frozen blocks process."""
    heard: list[int] = []
    true = Prefix.run

    def listening(self: Prefix, windows: Any, width: int) -> Any:
        heard.append(len(windows))
        return true(self, windows, width)

    monkeypatch.setattr(Prefix, "run", listening)
    return heard


def test_random_crops_and_augmentations_are_computed_as_they_come(computed: list[int]) -> None:
    run(replace(SETTINGS, crop_mode="random"), *TRUNK)
    run(SETTINGS, *TRUNK, augmentations=(SpecMask(),))
    assert computed == []
    run(SETTINGS, *TRUNK)
    assert len(computed) == 2  # training part, development part


def test_another_head_or_seed_finds_what_was_computed(computed: list[int], tmp_path: Path) -> None:
    def heads(hidden: int) -> Network:
        torch.manual_seed(0)  # the frozen ones are taken over from the same source
        return build(*TRUNK, hidden=hidden)

    first, _ = train(lambda: heads(8), TASK, SETTINGS, cache=tmp_path)
    once = list(computed)
    assert len(once) == 2
    again, _ = train(lambda: heads(8), TASK, SETTINGS, cache=tmp_path)
    train(lambda: heads(5), replace(TASK, seed=9), replace(SETTINGS, monitor="auroc", epochs=1), cache=tmp_path)
    assert computed == once
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())
    train(lambda: heads(8), replace(TASK, hop=10), replace(SETTINGS, epochs=1), cache=tmp_path)
    assert len(computed) == 4


def test_what_is_too_much_for_the_memory_is_computed_as_it_comes(
    computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotone.training.prefix.MAX_BYTES", 1000)
    run(SETTINGS, *TRUNK)
    assert computed == []


def test_what_is_more_than_it_is_from_is_not_kept(computed: list[int], tmp_path: Path) -> None:
    run(
        SETTINGS, "conv1", cache=tmp_path / "first"
    )  # 4 channels of half the bands and steps, from windows that overlap
    assert len(computed) == 2
    assert not (tmp_path / "first").exists()
    run(SETTINGS, *TRUNK, cache=tmp_path / "trunk")
    assert len(list((tmp_path / "trunk").glob("*/*.safetensors"))) == 2


def test_it_resumes_exactly(tmp_path: Path) -> None:
    class Stop(Exception):  # noqa: N818 - it is no error
        pass

    def stop(epoch: Any) -> None:
        if epoch.number == 2:
            raise Stop

    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(Stop):
        run(SETTINGS, *TRUNK, checkpoint=checkpoint, progress=stop, cache=tmp_path)
    net, _ = run(SETTINGS, *TRUNK, checkpoint=checkpoint, cache=tmp_path)
    whole, _ = run(SETTINGS, *TRUNK)
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in whole.state_dict().items())


def prefix() -> Prefix:
    torch.manual_seed(0)
    parts = split(build("conv[12]").train())
    assert parts is not None
    return parts[0]


def asked(examples: Examples, *, width: int = 30) -> WindowLayout:
    starts = tuple(np.arange(0, max(1, len(rows) - 20), 10, dtype=np.int64) for rows in examples.features)
    return WindowLayout(starts, width)


def same(one: PrefixOutputs, two: PrefixOutputs) -> bool:
    assert one.lengths is not None
    assert two.lengths is not None
    return np.array_equal(one.values, two.values) and np.array_equal(one.lengths, two.lengths)


def test_files_hold_what_was_computed_and_only_what_lacks_is_computed(
    computed: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix_outputs, "FILE_BYTES", 4 * 4 * 16 * 8 * 20)  # 20 windows
    examples = separable(20)
    first = Examples(examples.features[:6], examples.labels[:6], examples.corpora[:6])
    part = compute_outputs(prefix(), first, asked(first), folder=tmp_path)
    assert sum(computed) == len(part)
    whole = compute_outputs(prefix(), examples, asked(examples), folder=tmp_path)
    assert sum(computed) == len(whole)  # those of the first six were found
    assert all(count <= 20 for count in computed)
    (folder,) = tmp_path.iterdir()
    assert folder.name == prefix().signature
    assert len(list(folder.iterdir())) == len(computed) > 3
    assert same(whole, compute_outputs(prefix(), examples, asked(examples), folder=None))
    assert same(whole, compute_outputs(prefix(), examples, asked(examples), folder=tmp_path))
    assert whole.counts.tolist() == asked(examples).counts.tolist()
    assert whole.labels.tolist() == np.repeat(examples.labels, whole.counts).tolist()


def test_the_same_recording_twice_is_computed_once(computed: list[int]) -> None:
    one = separable(1)
    twice = Examples(one.features * 2, np.array([0, 1], np.int64), np.zeros(2, np.int64))
    made = compute_outputs(prefix(), twice, asked(twice), folder=None)
    assert sum(computed) * 2 == len(made)
    one_half, other_half = np.split(made.values, 2)
    np.testing.assert_array_equal(one_half, other_half)


def test_a_damaged_file_is_computed_again(computed: list[int], tmp_path: Path) -> None:
    examples = separable(6)
    made = compute_outputs(prefix(), examples, asked(examples), folder=tmp_path)
    (path,) = tmp_path.glob("*/*")
    path.write_bytes(path.read_bytes()[:-5])
    assert same(compute_outputs(prefix(), examples, asked(examples), folder=tmp_path), made)
    assert len(computed) == 2
    assert len(list(tmp_path.glob("*/*"))) == 1


def test_another_width_or_other_rows_are_something_else(computed: list[int], tmp_path: Path) -> None:
    examples = separable(4)
    compute_outputs(prefix(), examples, asked(examples), folder=tmp_path)
    compute_outputs(prefix(), examples, asked(examples, width=24), folder=tmp_path)
    changed = replace(examples, features=tuple(rows + np.float32(1e-3) for rows in examples.features))
    compute_outputs(prefix(), changed, asked(changed), folder=tmp_path)
    assert len(computed) == 3


def test_a_folder_that_can_not_be_written_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    examples = separable(2)
    with pytest.raises(OutputError, match="choose a folder that can be written to"):
        compute_outputs(prefix(), examples, asked(examples), folder=tmp_path / "file")
