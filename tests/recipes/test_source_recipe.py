from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from emotone.config import to_mapping
from emotone.errors import ConfigError
from emotone.recipes.source_recipe import (
    LearningSettings,
    SoundFolder,
    SourceRecipe,
    StretchSettings,
    read_source_recipe,
)

if TYPE_CHECKING:
    from pathlib import Path

SOUND = {"rain": SoundFolder(group="(.)", licence="CC0-1.0")}
TEXT = """
name = "mine"
teacher = "mn04"
[sound.rain]
group = '^(\\d)-'
licence = "CC0-1.0"
held_out = ["5"]
[stretches]
seconds = 2
[learning]
precision = "bfloat16"
"""


def test_a_recipe_is_read_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TEXT)
    recipe = read_source_recipe(tmp_path / "mine.toml")
    assert recipe.sound["rain"].held_out == ("5",)
    assert recipe.stretches.seconds == 2.0
    assert recipe.learning == LearningSettings(precision="bfloat16")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mn04", "mn40", "unknown teacher 'mn40'; did you mean 'mn04'"),
        ("seconds = 2", "second = 2", "did you mean 'seconds'"),
        ("bfloat16", "float16", "unknown value 'float16'; did you mean 'bfloat16'"),
        ("(\\d)-", "\\d-", "needs one pair of parentheses; it has 0"),
        ("(\\d)-", "(\\d-", "is no pattern"),
        ('"mine"', '"Mine!"', "must be lower-case"),
        ("seconds = 2", "mixed = 2", "stretches: mixed must lie between 0 and 1; given 2"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "mine.toml").write_text(TEXT.replace(old, new))
    with pytest.raises(ConfigError, match=message.replace("(", r"\(").replace("?", r"\?")):
        read_source_recipe(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SourceRecipe("a", {}), "at least one"),
        (lambda: SourceRecipe("a", SOUND, seed=-1), "seed must not be negative"),
        (lambda: replace(SOUND["rain"], share=0.0), "share must lie above 0"),
        (lambda: replace(SOUND["rain"], held_out_share=1.0), "held_out_share must lie between"),
        (lambda: StretchSettings(shift=2.0), "shift must lie between 0 and 1.5"),
        (lambda: LearningSettings(temperature=0.0), "temperature"),
        (lambda: LearningSettings(batch=1), "batch must lie between 2"),
    ],
)
def test_numbers_out_of_range_are_errors(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_the_signature_counts_what_changes_the_weights_only() -> None:
    recipe = SourceRecipe("a", SOUND)
    told = replace(SOUND["rain"], licence="CC-BY-4.0", attribution="someone")
    assert replace(recipe, name="b", licence="MIT", description="x", sound={"rain": told}).signature == recipe.signature
    changed = [
        replace(recipe, seed=2),
        replace(recipe, level=-25.0),
        replace(recipe, sound={"rain": replace(SOUND["rain"], share=2.0)}),
        replace(recipe, stretches=StretchSettings(mixed=0.1)),
        replace(recipe, learning=LearningSettings(steps=5)),
    ]
    assert len({one.signature for one in (recipe, *changed)}) == len(changed) + 1


def test_a_recipe_survives_its_own_mapping() -> None:
    from emotone.config import from_mapping

    recipe = SourceRecipe("a", SOUND)
    assert from_mapping(SourceRecipe, to_mapping(recipe), where="test") == recipe
