"""A new file is registered; nothing else has to be edited."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from emotone.errors import UnknownNameError
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = "toy_package_of_the_registry_test"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[str]]:
    package = tmp_path / PACKAGE
    (package / "sub").mkdir(parents=True)
    (package / "sub" / "__init__.py").write_text("TOY = 'toy with a folder of its own'")
    for name, text in {
        "__init__": "MEMBERS = {'red': 'colours.RED', 'dark-blue': 'colours.BLUE'}",
        "colours": "RED, BLUE = 'red toy', 'blue toy'",
        "_private": "",
        "plain": "TOY = 'plain toy'",
        "two_words": "TOY = 'toy of two words'",
        "broken": "raise RuntimeError('imported')",
    }.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Registry("toy", PACKAGE, "TOY")
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_members_are_public_modules_and_packages(registry: Registry[str]) -> None:
    # That "broken" is listed also shows that listing imports no member.
    assert registry.names == ("broken", "dark-blue", "plain", "red", "sub", "two-words")
    assert registry.get("sub") == "toy with a folder of its own"


def test_a_member_is_found_by_the_name_that_users_write(registry: Registry[str]) -> None:
    assert registry.get("two-words") == "toy of two words"


def test_members_may_share_a_module_that_is_no_member_itself(registry: Registry[str]) -> None:
    assert (registry.get("red"), registry.get("dark-blue")) == ("red toy", "blue toy")


@pytest.mark.parametrize("name", ["two_words", "_private", "Plain", "colours"])
def test_other_names_are_unknown(registry: Registry[str], name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown toy '{name}'"):
        registry.get(name)


def test_an_unknown_name_has_a_suggestion(registry: Registry[str]) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'plain'"):
        registry.get("plian")


def test_all_members_by_name(registry: Registry[str], tmp_path: Path) -> None:
    (tmp_path / PACKAGE / "broken.py").unlink()
    assert set(registry.all()) == {"dark-blue", "plain", "red", "sub", "two-words"}
    assert registry.all()["two-words"] == "toy of two words"


def test_a_file_without_the_attribute_is_a_mistake_of_ours(registry: Registry[str], tmp_path: Path) -> None:
    (tmp_path / PACKAGE / "empty.py").write_text("")
    with pytest.raises(AttributeError, match="TOY"):
        registry.get("empty")
