"""What a head was fitted on: read back unchanged, told from other folders, damaged files are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emotone.errors import RunError
from emotone.fitting.training_run import HEAD_RUN, HeadRun, is_head_run, load_head_run
from emotone.recipes.library import load_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.recipes.embedding_recipe import EmbeddingRecipe


@pytest.fixture
def run() -> HeadRun:
    recipe: EmbeddingRecipe = load_recipe("default")  # type: ignore[assignment]
    return HeadRun(recipe, ("anger", "neutral"), {"a": 3, "b": 2}, {"a": 2, "b": 1}, "0123456789ab", ("00", "11"))


def test_it_is_read_back_unchanged(run: HeadRun, tmp_path: Path) -> None:
    (tmp_path / HEAD_RUN).write_bytes(run.to_bytes())
    assert is_head_run(tmp_path)
    assert load_head_run(tmp_path) == run


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "does not describe what a head was fitted on"),
        ("{", "does not describe what a head was fitted on"),
        ('{"schema": "emotone.run/1"}', "has schema 'emotone.run/1'; this version reads 'emotone.head-run/1'"),
        ('{"schema": "emotone.head-run/1"}', "does not describe what a head was fitted on: KeyError"),
    ],
)
def test_other_files_are_refused(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / HEAD_RUN).write_text(text)
    with pytest.raises(RunError, match=message):
        load_head_run(tmp_path)


def test_other_folders_are_told_from_it(tmp_path: Path) -> None:
    assert not is_head_run(tmp_path)
    (tmp_path / HEAD_RUN).write_text('{"schema": "emotone.run/1"}')
    assert not is_head_run(tmp_path)
