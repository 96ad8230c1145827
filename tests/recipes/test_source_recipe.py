from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from emotone.config import to_mapping
from emotone.errors import ConfigError
from emotone.recipes.source_recipe import (
    DistillationSettings,
    ExcerptSettings,
    SoundFolder,
    SourceRecipe,
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
[excerpts]
seconds = 2
[training]
precision = "bfloat16"
"""


def test_a_recipe_is_read_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TEXT)
    recipe = read_source_recipe(tmp_path / "mine.toml")
    assert recipe.sound["rain"].held_out == ("5",)
    assert recipe.excerpts.seconds == 2.0
    assert recipe.training == DistillationSettings(precision="bfloat16")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seconds = 2", "second = 2", "did you mean 'seconds'"),
        ("bfloat16", "float16", "unknown value 'float16'; did you mean 'bfloat16'"),
        ("(\\d)-", "\\d-", "needs one pair of parentheses; it has 0"),
        ("(\\d)-", "(\\d-", "is not a regular expression"),
        ('"mine"', '"Mine!"', "must be lower-case"),
        ("seconds = 2", "mix_probability = 2", "excerpts: mix_probability must be between 0 and 1; given 2"),
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
        (lambda: replace(SOUND["rain"], weight=0.0), "weight must be above 0"),
        (lambda: replace(SOUND["rain"], held_out_share=1.0), "held_out_share must be between"),
        (lambda: ExcerptSettings(max_shift=2.0), "max_shift must be between 0 and 1.5"),
        (lambda: DistillationSettings(temperature=0.0), "temperature"),
        (lambda: DistillationSettings(batch_size=1), "batch_size must be between 2"),
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
        replace(recipe, sound={"rain": replace(SOUND["rain"], weight=2.0)}),
        replace(recipe, excerpts=ExcerptSettings(mix_probability=0.1)),
        replace(recipe, training=DistillationSettings(steps=5)),
    ]
    assert len({one.signature for one in (recipe, *changed)}) == len(changed) + 1


def test_a_recipe_survives_its_own_mapping() -> None:
    from emotone.config import from_mapping

    recipe = SourceRecipe("a", SOUND)
    assert from_mapping(SourceRecipe, to_mapping(recipe), where="test") == recipe
