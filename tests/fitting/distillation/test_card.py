"""The card never lets a number stand without what it has to be set beside."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fitting.distillation.conftest import made_run

from emotone.fitting.distillation.card import source_card
from emotone.fitting.distillation.probe import Comparison, Probe
from emotone.fitting.distillation.state import Measurement


def probes(*accuracies: float) -> tuple[Probe, ...]:
    """Return probes of layers whose fold 5 is ten points worse than all folds."""
    return tuple(
        Probe((f"conv{number}",), {"1": accuracy, "5": accuracy - 0.1}, accuracy, 400)
        for number, accuracy in enumerate(accuracies, start=1)
    )


SOUNDS = Comparison(
    "rain",
    10,
    0.1,
    ("5",),
    {"student": probes(0.5, 0.9), "untrained-1": probes(0.4, 0.7), "untrained-2": probes(0.3, 0.75)},
)


def test_every_number_stands_beside_that_of_who_hears_nothing() -> None:
    card = source_card(made_run())
    assert "| all | 0.500 (1.800) | 0.800 (0.500) |" in card
    assert "| noises | 0.900 (2.500) | 0.600 (0.100) |" in card
    assert "| tones | 0.100 (1.100) | 1.000 (1.000) |" in card


def test_an_agreement_that_any_answer_reaches_is_called_that() -> None:
    said = "agreement there says nothing"
    assert (
        f"On tones the student's likeliest class is right exactly as often as one and the same class\nalways: {said}"
        in (source_card(made_run()))
    )
    run = made_run()
    better = replace(run.ignorant, folders={**run.ignorant.folders, "tones": (1.1, 0.9)})
    assert said not in source_card(replace(run, ignorant=better))


def test_layers_stand_beside_twins_and_unheard_folds_apart() -> None:
    card = source_card(made_run(), [SOUNDS])
    assert "| layers | student | 2 untrained | student, fold 5 only | untrained, fold 5 only |" in card
    assert "| conv2 | 90.0 | 70.0 to 75.0 | 80.0 | 60.0 to 65.0 |" in card
    assert "heard all but 5 while it learned, though never with labels" in card
    assert "400 clips, 10 classes, 2 folds (1, 5); always the same answer: 10.0." in card


@pytest.mark.parametrize(
    ("unheard", "said"), [(("1", "5"), "heard none of it"), ((), "heard all of it, though never with labels")]
)
def test_where_all_folds_are_alike_they_have_no_columns(unheard: tuple[str, ...], said: str) -> None:
    card = source_card(made_run(), [replace(SOUNDS, unheard=unheard)])
    assert said in card
    assert "| layers | student | 2 untrained |\n" in card


def test_without_twins_that_is_said() -> None:
    assert "| conv1 | 50.0 | none |" in source_card(
        made_run(), [replace(SOUNDS, probes={"student": probes(0.5)}, unheard=("1", "5"))]
    )


def test_a_temperature_is_said_and_one_is_not() -> None:
    run = made_run()
    hot = replace(run.recipe, learning=replace(run.recipe.learning, temperature=2.0))
    assert "logits / 2." in source_card(replace(run, recipe=hot))
    assert " / 1" not in source_card(run)


def test_notes_end_the_card() -> None:
    assert source_card(made_run(), [SOUNDS], notes="## Limits\n\nMany.\n\n").endswith("|\n\n## Limits\n\nMany.\n")
    assert source_card(made_run()).endswith(".\n")


def test_the_last_measurement_counts() -> None:
    run = made_run()
    early = Measurement(1, None, 9.0, 0.0, {"tones": (9.0, 0.0), "noises": (9.0, 0.0)}, 0.0)
    assert source_card(replace(run, history=(early, *run.history))) == source_card(run)
