"""The transfer options of `emotone train` and `emotone evaluate`."""

from __future__ import annotations

from typing import Any

import pytest
from tests.toy import tiny_recipe

from emotone.cli.commands.evaluate import command as evaluate
from emotone.cli.commands.train import command as train
from emotone.cli.options import TransferOptions
from emotone.errors import UsageError


@pytest.mark.parametrize("name", ["source", "plan", "unlabelled", "labels"])
def test_train_and_evaluate_have_the_same_options(name: str) -> None:
    first, second = (
        {parameter.name: parameter.to_info_dict() for parameter in command.params} for command in (train, evaluate)
    )
    assert first[name] == second[name]


def test_without_options_the_recipe_is_unchanged() -> None:
    recipe = tiny_recipe()
    assert TransferOptions().recipe(recipe) == recipe
    assert not TransferOptions(labels="seven").is_transfer


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"source": "small", "plan": "A5"}, ("small", "A5", "")),
        ({"source": "small", "plan": "auto"}, ("small", "A2", "")),
        ({"source": "small", "unlabelled": "statistics"}, ("small", "A1", "statistics")),
    ],
)
def test_a_recipe_gets_the_transfer(options: dict[str, Any], expected: tuple[str, str, str]) -> None:
    given = TransferOptions(**options)
    transfer = given.recipe(tiny_recipe()).transfer
    assert transfer is not None
    assert (transfer.source, transfer.plan, transfer.unlabelled) == expected
    assert given.is_transfer
    assert given.is_auto == (options.get("plan") == "auto")


def test_without_a_recipe_the_settings_are_those_of_the_model() -> None:
    recipe = TransferOptions("small", "A5", labels="four").recipe(None)
    assert (recipe.name, recipe.labels) == ("small", "four")


def test_auto_needs_labels() -> None:
    with pytest.raises(UsageError, match="auto scores plans on labelled clips; with --unlabelled, pass the name"):
        TransferOptions("small", "auto", "pseudo-labels").recipe(tiny_recipe())
