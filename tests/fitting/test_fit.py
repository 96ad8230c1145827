"""Training on a fold: which clips are used, and the signature of the training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import LABELS, one_thread, separable, tiny_recipe

from emotone.errors import RunError
from emotone.features.windows import Windows
from emotone.fitting.fit import CHECKPOINT, TrainedNetwork, fit, fit_signature
from emotone.fitting.resolve import resolve
from emotone.recipes.transfer import Transfer
from emotone.training.prefix import Prefix
from emotone.transfer.weights import SourceWeights, write_weights
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from emotone.recipes.recipe import Recipe
    from emotone.types import Array

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

COUNT = 24
EXAMPLES = separable(COUNT)
UTTERANCES = tuple(
    Utterance(f"{number:02d}", "toy", Path(f"{number}.wav"), 0.0, None, f"s{number % 4}", "x", LABELS[label])
    for number, label in enumerate(EXAMPLES.labels)
)
FEATURES: dict[str, Array] = {
    utterance.key: rows for utterance, rows in zip(UTTERANCES, EXAMPLES.features, strict=True)
}
KEYS = tuple(FEATURES)
FOLD = Fold("one", train=KEYS[:14], dev=KEYS[14:18], test=KEYS[18:])
STOPPING = tiny_recipe(training={"patience": 9, "epochs": 2})
PLAIN = tiny_recipe(training={"epochs": 2})


def fitted(recipe: Recipe, fold: Fold = FOLD, **changes: Any) -> TrainedNetwork:
    given: dict[str, Any] = {"utterances": UTTERANCES, "features": FEATURES, **changes}
    return fit(resolve(recipe), given.pop("utterances"), given.pop("features"), fold, labels=LABELS, **given)


def weights(result: TrainedNetwork) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(result.net.parameters())


def test_a_trained_network_has_its_history() -> None:
    result = fitted(STOPPING)
    assert result.labels == LABELS
    assert [epoch.number for epoch in result.history] == [1, 2]
    assert all(epoch.score is not None for epoch in result.history)
    assert 1 <= result.best <= 2
    assert not result.net.training
    assert result.signature == fit_signature(resolve(STOPPING), UTTERANCES, FEATURES, FOLD, labels=LABELS)


def test_without_early_stopping_the_development_part_is_training_data() -> None:
    result = fitted(PLAIN)
    assert [epoch.score for epoch in result.history] == [None, None]
    together = replace(FOLD, train=FOLD.train + FOLD.dev, dev=())
    assert torch.equal(weights(result), weights(fitted(PLAIN, together)))
    assert not torch.equal(weights(result), weights(fitted(STOPPING)))


@pytest.mark.parametrize("recipe", [PLAIN, STOPPING], ids=["plain", "stopping"])
def test_the_test_part_is_not_used(recipe: Recipe) -> None:
    poisoned = {key: np.full_like(rows, np.nan) if key in FOLD.test else rows for key, rows in FEATURES.items()}
    absent = {key: rows for key, rows in FEATURES.items() if key not in FOLD.test}
    result = fitted(recipe)
    assert torch.equal(weights(fitted(recipe, features=poisoned)), weights(result))
    assert torch.equal(weights(fitted(recipe, features=absent)), weights(result))


def test_clips_without_features_are_left_out() -> None:
    absent = {key: rows for key, rows in FEATURES.items() if key != KEYS[0]}
    without = replace(FOLD, train=FOLD.train[1:])
    assert torch.equal(weights(fitted(PLAIN, features=absent)), weights(fitted(PLAIN, without)))


def test_clips_shorter_than_the_minimum_of_a_window_are_left_out() -> None:
    windows = Windows(seconds=0.6, hop=0.3, min_seconds=0.5)
    least = windows.min_frames(PLAIN.feature)
    short = {key for key, rows in FEATURES.items() if len(rows) < least}
    assert 0 < len(short) < 14
    recipe = replace(PLAIN, windows=windows)
    train, dev = (tuple(key for key in part if key not in short) for part in (FOLD.train, FOLD.dev))
    without = replace(FOLD, train=train, dev=dev)
    assert torch.equal(weights(fitted(recipe)), weights(fitted(recipe, without)))


def test_a_single_label_is_refused() -> None:
    fold = Fold("lonely", train=KEYS[0:12:2], dev=(), test=KEYS[1::2])
    with pytest.raises(RunError, match=r"fold lonely: 6 training clips have fewer than two labels"):
        fitted(PLAIN, fold)
    with pytest.raises(RunError, match=r"fold lonely: 0 training clips"):
        fitted(PLAIN, replace(fold, train=()))


def test_a_training_resumes_from_the_checkpoint_in_its_folder(tmp_path: Path) -> None:
    first = fitted(PLAIN, folder=tmp_path)
    assert (tmp_path / CHECKPOINT).exists()
    batches: list[tuple[int, int]] = []
    again = fitted(PLAIN, folder=tmp_path, on_batch=lambda *batch: batches.append(batch))
    assert batches == []
    assert torch.equal(weights(first), weights(again))
    with pytest.raises(RunError, match="belongs to the training"):
        fitted(replace(PLAIN, seed=2), folder=tmp_path)


def signature(**changes: Any) -> str:
    given: dict[str, Any] = {
        "recipe": PLAIN,
        "utterances": UTTERANCES,
        "features": FEATURES,
        "fold": FOLD,
        "labels": LABELS,
        **changes,
    }
    labels = given.pop("labels")
    return fit_signature(resolve(given.pop("recipe")), *given.values(), labels=labels)


def test_the_signature_depends_neither_on_order_nor_on_paths() -> None:
    moved = tuple(replace(utterance, path=Path("/elsewhere") / utterance.path) for utterance in UTTERANCES[::-1])
    turned = replace(FOLD, train=FOLD.train[::-1], dev=FOLD.dev[::-1])
    assert signature(utterances=moved, fold=turned) == signature()


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": replace(PLAIN, seed=2)},
        {"labels": LABELS[::-1]},
        {"utterances": (replace(UTTERANCES[0], label="sadness"), *UTTERANCES[1:])},
        {"features": {**FEATURES, KEYS[0]: FEATURES[KEYS[0]][:-1]}},
        {"features": {key: rows for key, rows in FEATURES.items() if key != KEYS[0]}},
        {"fold": replace(FOLD, train=FOLD.train[1:])},
        {"fold": replace(FOLD, dev=FOLD.dev[1:])},
    ],
    ids=["recipe", "labels", "label", "frames", "absent", "train", "dev"],
)
def test_the_signature_changes_with_the_data(change: dict[str, Any]) -> None:
    assert signature(**change) != signature()


def test_a_plan_that_freezes_all_layers_gives_the_loaded_network(tmp_path: Path) -> None:
    source = fitted(PLAIN)
    named = {name: values.numpy() for name, values in source.net.state_dict().items()}
    write_weights(tmp_path / "source.safetensors", SourceWeights("source", named))
    whole = Transfer(source=str(tmp_path / "source.safetensors"), load=("*",), freeze=("*",))
    result = fitted(replace(PLAIN, seed=5, transfer=whole), folder=tmp_path / "run")
    assert torch.equal(weights(result), weights(source))
    assert (result.history, result.best, result.net.training) == ((), 0, False)
    assert result.transfer is not None
    assert result.transfer.names("tuned", "fresh") == ()


def test_another_seed_or_head_reuses_outputs_of_frozen_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = {name: values.numpy() for name, values in fitted(PLAIN).net.state_dict().items()}
    write_weights(tmp_path / "source.safetensors", SourceWeights("source", source))
    trunk = ("conv?", "mix", "pool")
    recipe = replace(
        PLAIN,
        augment={},
        training=replace(PLAIN.training, crop_mode="grid", sampling="shuffled"),
        windows=Windows(seconds=0.3, hop=0.15),
        transfer=Transfer(source=str(tmp_path / "source.safetensors"), load=trunk, freeze=trunk),
    )
    heard: list[int] = []
    run = Prefix.run

    def listening(self: Prefix, cuts: Any, width: int) -> Any:
        heard.append(len(cuts))
        return run(self, cuts, width)

    monkeypatch.setattr(Prefix, "run", listening)
    first = fitted(recipe)
    assert len(heard) == 1
    other = fitted(replace(recipe, seed=2))
    fitted(replace(recipe, net={**recipe.net, "hidden": 5}))
    assert len(heard) == 1
    assert not torch.equal(weights(first), weights(other))
