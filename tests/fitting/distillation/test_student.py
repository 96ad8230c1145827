"""Students: networks, steps, and trainings that are resumed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.fitting.distillation.conftest import made_run

from emotone.errors import RunError
from emotone.fitting.distillation import student as module
from emotone.fitting.distillation.source_run import (
    NOTES,
    PROBES,
    RUN,
    LayerProbe,
    ProbeComparison,
    load_probes,
    load_source_run,
    results_card,
    save_probes,
    save_source_run,
    source_card,
)
from emotone.fitting.distillation.student import (
    HEAD,
    batch,
    constant_baseline,
    cooldown,
    divergence,
    held_out_score,
    posteriors,
    student_spec,
    train_student,
    with_exact_statistics,
)
from emotone.recipes.encoder_recipe import is_encoder_recipe, read_encoder_recipe
from emotone.recipes.source_recipe import read_source_recipe

if TYPE_CHECKING:
    from tests.fitting.distillation.conftest import World

    from emotone.fitting.distillation.run import PreparedSource
    from emotone.fitting.distillation.source_run import HeldOutScore


# ----------------------------------------------------------------------------------------------------------------------
#


def weights(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_posteriors_are_normalised_odds() -> None:
    logits = torch.tensor([[0.0, -2.0, 1.0]], dtype=torch.float16)
    sigmoid = torch.sigmoid(logits.float())
    odds = sigmoid / (1 - sigmoid)
    assert torch.allclose(posteriors(logits, temperature=1.0), odds / odds.sum())
    assert torch.allclose(posteriors(logits, temperature=1e6), torch.full((1, 3), 1 / 3))


def test_divergence_equals_its_definition() -> None:
    rng = torch.Generator().manual_seed(0)
    target = torch.softmax(torch.randn(5, 4, generator=rng), dim=1)
    logits = torch.randn(5, 4, generator=rng)
    slow = [
        sum(float(p) * np.log(float(p) / float(q)) for p, q in zip(one, other, strict=True))
        for one, other in zip(target, torch.softmax(logits, dim=1), strict=True)
    ]
    assert np.allclose(divergence(target, logits).numpy(), slow, atol=1e-6)
    assert torch.allclose(divergence(target, target.log()), torch.zeros(5), atol=1e-6)


def test_a_certain_target_has_a_finite_divergence() -> None:
    target = torch.tensor([[1.0, 0.0]])
    assert float(divergence(target, torch.zeros(1, 2))) == pytest.approx(np.log(2))


def test_the_student_is_soundnet_with_one_head(world: World, ready: PreparedSource) -> None:
    net = student_spec(world.recipe, 527).build()
    trunk = sum(one.numel() for name, one in net.named_parameters() if "heads" not in name)
    assert trunk == 462_240  # conv1 to conv4 of the original
    heads = [one.numel() for name, one in net.named_parameters() if "heads" in name]
    assert sum(heads) == 2 * 256 * 527 + 527


def test_batches_pass_over_every_excerpt_in_turn(world: World, ready: PreparedSource) -> None:
    data = ready.data
    numbered = replace(data, train_logits=np.arange(12, dtype=np.float16)[:, None])
    seen = np.concatenate([batch(numbered, world.recipe, step).logits[:, 0] for step in range(6)])
    assert sorted(seen[:12].tolist()) == sorted(seen[12:].tolist()) == list(range(12))
    assert seen[:12].tolist() != seen[12:].tolist()


def test_inputs_are_shifted_and_inverted_excerpts(world: World, ready: PreparedSource) -> None:
    data = ready.data
    numbered = replace(data, train_logits=np.arange(12, dtype=np.float16)[:, None])
    first = batch(numbered, world.recipe, 1)
    numbers = first.logits
    shifts = []
    for row, number in zip(first.inputs[:, :, 0], numbers[:, 0], strict=True):
        signal = data.train.render(data.train.draw(int(number)))
        correlation = np.fft.irfft(np.fft.rfft(row, 32000) * np.conj(np.fft.rfft(signal, 32000)))
        shift = int(np.abs(correlation).argmax())
        shift -= 32000 if shift > 16000 else 0
        shifts.append(shift)
        kept = signal[max(0, -shift) : 16000 - max(0, shift)]
        assert np.allclose(np.abs(row[max(0, shift) : 16000 + min(0, shift)]), np.abs(kept))
    assert max(np.abs(shifts)) <= 1600
    assert len(set(shifts)) > 1


def test_the_loss_decreases(world: World, ready: PreparedSource, tmp_path: Path) -> None:
    learning = replace(world.recipe.training, steps=6, evaluate_every=2, checkpoint_every=6)
    recipe = replace(world.recipe, training=learning)
    _, history = train_student(recipe, ready.data, signature="s", checkpoint=tmp_path / "state")
    losses = [one.loss for one in history if one.loss is not None]
    assert len(losses) == 3
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_an_interrupted_training_ends_with_equal_weights(
    world: World, ready: PreparedSource, tmp_path: Path, stop: int
) -> None:
    whole, history = train_student(world.recipe, ready.data, signature="s", checkpoint=tmp_path / "whole")

    class Killed(Exception):  # noqa: N818 - no error
        pass

    def kill(done: int, _: int) -> None:
        if done == stop + 1:  # the state of step `stop` is on disk, that of the next is not
            raise Killed

    with pytest.raises(Killed):
        train_student(world.recipe, ready.data, signature="s", checkpoint=tmp_path / "cut", on_step=kill)
    reports: list[HeldOutScore] = []
    again, resumed = train_student(
        world.recipe, ready.data, signature="s", checkpoint=tmp_path / "cut", report=reports.append
    )
    assert equal(weights(whole), weights(again))
    assert [replace(one, seconds=0) for one in history] == [replace(one, seconds=0) for one in resumed]
    assert tuple(reports) == resumed


def test_a_finished_training_is_not_repeated(world: World, ready: PreparedSource, tmp_path: Path) -> None:
    first, _ = train_student(world.recipe, ready.data, signature="s", checkpoint=tmp_path / "state")
    again, _ = train_student(
        world.recipe, ready.data, signature="s", checkpoint=tmp_path / "state", on_step=lambda *_: pytest.fail("a step")
    )
    assert equal(weights(first), weights(again))


def test_bfloat16_keeps_weights_in_full_precision(world: World, ready: PreparedSource, tmp_path: Path) -> None:
    learning = replace(world.recipe.training, precision="bfloat16", steps=2)
    recipe = replace(world.recipe, training=learning)
    net, history = train_student(recipe, ready.data, signature="s", checkpoint=tmp_path / "state")
    assert {value.dtype for value in net.parameters()} == {torch.float32}
    assert np.isfinite(history[-1].divergence)


def test_a_settled_networksays_what_it_says_in_training(world: World, ready: PreparedSource) -> None:
    data, recipe = ready.data, world.recipe
    torch.manual_seed(0)
    net = student_spec(recipe, 7).build().train()
    before = weights(net)
    heard = torch.from_numpy(
        np.concatenate([batch(data, recipe, step).inputs for step in range(module.STATISTICS_BATCHES)])
    )
    calm = with_exact_statistics(net, data, recipe)
    assert not calm.training
    assert equal(weights(net), before)  # it is a copy
    with torch.inference_mode():
        learning, judging = net(heard)[HEAD], calm(heard)[HEAD]
    # One batch of all has the variance of all; the mean of the batches' variances is a little smaller.
    assert float((learning - judging).abs().mean()) < 0.1 * float(learning.std())


def test_a_checkpoint_of_another_networkwork_is_rejected(
    world: World, ready: PreparedSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_student(world.recipe, ready.data, signature="s", checkpoint=tmp_path / "state")
    monkeypatch.setattr(module, "student_spec", lambda recipe, _: student_spec(recipe, 9))
    with pytest.raises(RunError, match="does not fit this network"):
        train_student(world.recipe, ready.data, signature="s", checkpoint=tmp_path / "state")


def test_a_loss_that_is_not_finite_is_an_error(world: World, ready: PreparedSource, tmp_path: Path) -> None:
    broken = replace(ready.data, train_logits=np.full((12, 7), np.nan, np.float16))
    with pytest.raises(RunError, match="not finite in epoch 1, batch 1"):
        train_student(world.recipe, broken, signature="s", checkpoint=tmp_path / "state")


def test_a_perfect_student_agrees_with_the_teacher(world: World, ready: PreparedSource) -> None:
    data = ready.data

    class Parrot(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {HEAD: torch.from_numpy(data.held_out_logits).float()[: len(x)]}

    found = held_out_score(Parrot(), data, world.recipe)
    assert found.divergence == pytest.approx(0, abs=1e-6)
    assert found.agreement == 1.0
    assert set(found.folders) <= {"tones", "noises"}


def test_the_baseline_predicts_the_mean(world: World, ready: PreparedSource) -> None:
    data = ready.data
    logits = np.log(np.array([[0.75, 0.25], [0.25, 0.75]], np.float16))
    made = replace(data, train_logits=logits, held_out_logits=logits[:1])
    found = constant_baseline(made, world.recipe)
    assert (found.step, found.loss) == (0, None)
    assert found.divergence == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5), abs=1e-3)


def test_the_baseline_is_scored_by_folder(world: World, ready: PreparedSource) -> None:
    data = ready.data
    mean = posteriors(torch.from_numpy(data.train_logits), temperature=1.0).mean(dim=0)
    target = posteriors(torch.from_numpy(data.held_out_logits), temperature=1.0)
    slow: dict[str, list[tuple[float, bool]]] = {}
    for index, one in enumerate(target):
        nats = sum(float(p) * np.log(float(p) / float(q)) for p, q in zip(one, mean, strict=True) if p > 0)
        slow.setdefault(data.held_out.folder(index), []).append((nats, bool(one.argmax() == mean.argmax())))
    found = constant_baseline(data, world.recipe)
    assert set(found.folders) == set(slow) == {"tones", "noises"}
    for name, pair in found.folders.items():
        assert pair == pytest.approx(np.mean(slow[name], axis=0), abs=1e-4)
    every = [each for pairs in slow.values() for each in pairs]
    assert (found.divergence, found.agreement) == pytest.approx(np.mean(every, axis=0), abs=1e-4)


def test_without_a_cooldown_the_rate_is_constant() -> None:
    assert {cooldown(step, 10, share=0.0) for step in range(10)} == {1.0}


# ----------------------------------------------------------------------------------------------------------------------
#

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PLACE = re.compile(r"(?<![\w/.])/\w+/|\b[A-Z]:\\")  # an absolute path
RECIPES = ROOT / "src/emotone/recipes/shipped/sources"
FOUND = ProbeComparison("rain", 2, 0.5, ("5",), {"student": (LayerProbe(("conv1",), {"1": 0.5, "5": 1.0}, 0.75, 4),)})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_source_run(made_run(), tmp_path / "results")
    save_probes((FOUND,), tmp_path / "results", signature=made_run().signature)
    return tmp_path / "results"


def test_results_are_read_back(saved: Path) -> None:
    assert load_probes(saved, signature=made_run().signature) == (FOUND,)
    assert sorted(path.name for path in saved.iterdir()) == sorted([RUN, PROBES])
    assert load_source_run(saved) == made_run()


def test_the_card_of_results_has_probes_and_notes(saved: Path) -> None:
    assert results_card(saved) == source_card(made_run(), [FOUND])
    (saved / NOTES).write_text("## Limits\n")
    assert results_card(saved).endswith("\n\n## Limits\n")


def test_probes_of_another_training_are_no_part_of_a_card(saved: Path) -> None:
    (saved / PROBES).write_text(json.dumps(json.loads((saved / PROBES).read_text()) | {"signature": "another"}))
    with pytest.raises(RunError, match=r"belongs to the training another, run\.json in its folder to 0123456789ab"):
        results_card(saved)


def test_a_folder_without_probes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="contains no probes of a source"):
        load_probes(tmp_path, signature="0123456789ab")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "x"}, "has schema 'x'"),
        ({"comparisons": [{"probes": 3, "unheard": []}]}, "can't be read as probes"),
        ({"comparisons": [{}]}, "can't be read as probes"),
    ],
)
def test_probes_that_are_none_are_errors(saved: Path, change: dict[str, object], message: str) -> None:
    (saved / PROBES).write_text(json.dumps(json.loads((saved / PROBES).read_text()) | change))
    with pytest.raises(RunError, match=message):
        load_probes(saved, signature="0123456789ab")


def test_there_are_recipes_of_sources_and_all_can_be_read() -> None:
    found = sorted(RECIPES.glob("*.toml"))
    assert found
    read = [(read_encoder_recipe if is_encoder_recipe(each) else read_source_recipe)(each) for each in found]
    assert [recipe.name for recipe in read] == [each.stem for each in found]


def test_what_is_kept_of_sources_names_no_place_of_a_machine() -> None:
    """And each has what its card is made from; `tests/test_docs.py` compares the cards."""
    folders = sorted(path.parent for path in (ROOT / "results/sources").glob("*/run.json"))
    assert folders
    for folder in folders:
        assert results_card(folder).startswith(f"# {folder.name}\n")
        for path in folder.iterdir():
            assert PLACE.search(path.read_text(encoding="utf-8")) is None, path
