"""Every number of a card comes with the number to compare it with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fitting.distillation.conftest import made_run

from emotone.fitting.distillation.card import source_card
from emotone.fitting.distillation.source_run import HeldOutScore, LayerProbe, ProbeComparison


def probes(*accuracies: float) -> tuple[LayerProbe, ...]:
    """Return probes of layers whose fold 5 is ten points worse than all folds."""
    return tuple(
        LayerProbe((f"conv{number}",), {"1": accuracy, "5": accuracy - 0.1}, accuracy, 400)
        for number, accuracy in enumerate(accuracies, start=1)
    )


SOUNDS = ProbeComparison(
    "rain",
    10,
    0.1,
    ("5",),
    {"student": probes(0.5, 0.9), "untrained-1": probes(0.4, 0.7), "untrained-2": probes(0.3, 0.75)},
)


def test_every_score_has_its_baseline() -> None:
    card = source_card(made_run())
    assert "| all | 0.500 (1.800) | 0.800 (0.500) |" in card
    assert "| noises | 0.900 (2.500) | 0.600 (0.100) |" in card
    assert "| tones | 0.100 (1.100) | 1.000 (1.000) |" in card


def test_an_agreement_equal_to_the_baseline_is_flagged() -> None:
    said = "the student's agreement equals that of the constant prediction"
    assert f"On tones {said}" in source_card(made_run())
    run = made_run()
    better = replace(run.baseline, folders={**run.baseline.folders, "tones": (1.1, 0.9)})
    assert said not in source_card(replace(run, baseline=better))


def test_layers_are_compared_with_untrained_networks_and_new_folds_have_columns() -> None:
    card = source_card(made_run(), [SOUNDS])
    assert "| layers | student | 2 untrained | student, fold 5 only | untrained, fold 5 only |" in card
    assert "| conv2 | 90.0 | 70.0 to 75.0 | 80.0 | 60.0 to 65.0 |" in card
    assert "All folds except 5 were part of the student's training sound (without labels)" in card
    assert "400 clips, 10 classes, 2 folds (1, 5); most frequent label: 10.0." in card


@pytest.mark.parametrize(
    ("unheard", "said"),
    [(("1", "5"), "None of it was part"), ((), "All of it was part of the student's training sound")],
)
def test_without_a_mixture_of_folds_there_are_no_extra_columns(unheard: tuple[str, ...], said: str) -> None:
    card = source_card(made_run(), [replace(SOUNDS, unheard=unheard)])
    assert said in card
    assert "| layers | student | 2 untrained |\n" in card


def test_without_untrained_networks_the_column_is_none() -> None:
    assert "| conv1 | 50.0 | none |" in source_card(
        made_run(), [replace(SOUNDS, probes={"student": probes(0.5)}, unheard=("1", "5"))]
    )


def test_a_temperature_other_than_one_is_shown() -> None:
    run = made_run()
    hot = replace(run.recipe, training=replace(run.recipe.training, temperature=2.0))
    assert "logits / 2." in source_card(replace(run, recipe=hot))
    assert " / 1" not in source_card(run)


def test_notes_end_the_card() -> None:
    assert source_card(made_run(), [SOUNDS], notes="## Limits\n\nMany.\n\n").endswith("|\n\n## Limits\n\nMany.\n")
    assert source_card(made_run()).endswith(".\n")


def test_the_last_score_is_shown() -> None:
    run = made_run()
    early = HeldOutScore(1, None, 9.0, 0.0, {"tones": (9.0, 0.0), "noises": (9.0, 0.0)}, 0.0)
    assert source_card(replace(run, history=(early, *run.history))) == source_card(run)
