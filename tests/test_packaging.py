"""The install is small and pinned, and the two commands are where a newcomer looks for them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import emotone
from emotone.config import read_toml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = read_toml(ROOT / "pyproject.toml")["project"]
DIRECT = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = [Requirement(text) for extra in PROJECT["optional-dependencies"].values() for text in extra]
MOST_DIRECT = 10
HEAVY = {"torch", "pandas", "scipy", "pyarrow", "scikit-learn", "av", "fastapi"}
VERSIONS = ("3.10", "3.11", "3.12", "3.13")


def pins(python: str) -> dict[str, str]:
    """Versions that constraints.txt gives for one version of Python."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    chosen = [item for item in found if item.marker is None or item.marker.evaluate({"python_version": python})]
    names = [canonicalize_name(item.name) for item in chosen]
    assert len(names) == len(set(names))
    return {name: str(item.specifier).removeprefix("==") for name, item in zip(names, chosen, strict=True)}


def test_prediction_needs_few_packages_and_no_heavy_one() -> None:
    names = {canonicalize_name(item.name) for item in DIRECT}
    assert len(names) <= MOST_DIRECT
    assert not names & HEAVY


@pytest.mark.parametrize("python", VERSIONS)
@pytest.mark.parametrize("item", [*DIRECT, *EXTRAS], ids=lambda item: item.name)
def test_every_dependency_is_pinned_within_its_bounds(item: Requirement, python: str) -> None:
    if canonicalize_name(item.name) == "emotone":
        pytest.skip("an extra that brings other extras")
    pinned = pins(python)[canonicalize_name(item.name)]
    assert item.specifier.contains(pinned)


def test_the_suite_of_a_clean_checkout_is_the_command_of_the_readme() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert script.splitlines()[-1] == "make test"
    assert "`make test`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert {name for name in phony[1].split() if not re.search(rf"^{name}:.*## \w", makefile, re.MULTILINE)} == set()


def test_the_version_is_the_same_in_every_place() -> None:
    assert "version" not in PROJECT  # hatch reads it from the package
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {emotone.__version__}\n" in citation
    released = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert released[:2] == ["Unreleased", emotone.__version__]
