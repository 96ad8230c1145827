from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from emotone.errors import RunError, UnknownNameError
from emotone.fitting.distillation.teachers import TEACHERS, load_teacher

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fitting.distillation.conftest import World


@pytest.mark.parametrize("name", list(TEACHERS))
def test_every_teacher_says_where_it_is_published(name: str) -> None:
    info = TEACHERS[name]
    assert info.url.startswith("https://")
    assert re.fullmatch("[0-9a-f]{64}", info.sha256)
    assert info.licence
    assert info.citation


def test_a_teacher_is_loaded_in_eval_mode(world: World) -> None:
    assert not load_teacher("tiny", world.teacher).training


def test_an_unknown_teacher_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mn04'"):
        load_teacher("mn4", tmp_path)


def test_a_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"can't be read: No such file.*download it from https://"):
        load_teacher("mn04", tmp_path / "absent.pt")


def test_another_file_is_rejected(world: World) -> None:
    with pytest.raises(RunError, match="is not the published file"):
        load_teacher("mn04", world.teacher)
