"""What is built: packages, and the website of the documentation."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import emotone
from emotone.audio.speech_network import network_activity
from emotone.bundles.library import shipped_names
from emotone.config import read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator


# ----------------------------------------------------------------------------------------------------------------------
# The install is small and pinned, and the two commands are where a newcomer looks for them.

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
    if item.marker is not None and not item.marker.evaluate({"python_version": python, "extra": ""}):
        pytest.skip("not required by this version of Python")
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


# ----------------------------------------------------------------------------------------------------------------------
# `import emotone`: few names, each imported when first asked for.


@pytest.mark.parametrize("name", emotone.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(emotone, name) is not None
    assert name in dir(emotone)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'emotone' has no attribute 'lod'"):
        emotone.lod  # noqa: B018


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(emotone), "load", raising=False)
    assert emotone.load is vars(emotone)["load"]


# ----------------------------------------------------------------------------------------------------------------------
# The example recordings are small, ordinary and reproducible, and the demo works on them.

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
RECORDINGS = sorted(EXAMPLES.glob("*.flac"))
MADE_WITH = "1.51"  # of espeak-ng: other versions differ in some samples
needs_default = pytest.mark.skipif("default" not in shipped_names(), reason="no model is shipped yet")


def test_there_are_examples() -> None:
    assert len(RECORDINGS) >= 3


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_an_example_is_small_and_contains_speech(path: Path) -> None:
    info = soundfile.info(path)
    samples, _ = soundfile.read(path, dtype="float32")
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    assert path.stat().st_size < 150_000
    assert 3 < info.duration < 20
    assert np.abs(samples).max() < 1
    assert network_activity(samples).mean() > 0.3


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_the_readme_lists_every_example_as_synthetic(path: Path) -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert path.name in text
    assert "Synthetic speech" in text


def test_the_script_reproduces_the_examples(tmp_path: Path) -> None:
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("espeak-ng is not installed; it is needed to regenerate the examples")
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    if f" {MADE_WITH}" not in version:
        pytest.skip(f"made with espeak-ng {MADE_WITH}; here is: {version.strip()}")
    subprocess.run([sys.executable, str(EXAMPLES / "make.py"), str(tmp_path)], check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in RECORDINGS]
    for path in RECORDINGS:
        # Rounding in the resampler depends on the processor: the last bit may differ.
        made, kept = (soundfile.read(folder / path.name, dtype="int16")[0] for folder in (tmp_path, EXAMPLES))
        np.testing.assert_allclose(made.astype(int), kept.astype(int), rtol=0, atol=1)


def predict(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emotone", "predict", *options, "examples/"]
    # Only the named variables: colours must not depend on the environment of the tests.
    return subprocess.run(
        command,
        cwd=EXAMPLES.parent,
        env={"PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1", **environment},
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


@needs_default
def test_the_demo_prints_a_coloured_timeline_of_every_example() -> None:
    shown = predict(FORCE_COLOR="1").stdout
    assert "\x1b[" in shown
    assert all(path.name in shown for path in RECORDINGS)


@needs_default
def test_every_example_contains_speech() -> None:
    results = [json.loads(line) for line in predict("--format", "jsonl").stdout.splitlines()]
    assert [Path(result["file"]).name for result in results] == [path.name for path in RECORDINGS]
    for result in results:
        assert result["clip"]["speech"] is True
        assert sum(result["clip"]["probabilities"].values()) == pytest.approx(1, abs=1e-6)


# ----------------------------------------------------------------------------------------------------------------------
# The documentation is built as a website without warnings, with the API reference and without external resources.

COMMAND = Path(sys.executable).with_name("zensical")
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=["']?(?P<source>[^"'\s>]+)"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|icon|preload|preconnect|prefetch))[^>]*\bhref=["']?(?P<link>[^"'\s>]+)""",
)
STYLE_URL = re.compile(r"""url\(["']?(?P<url>[^"')]+)|@import\s+["'](?P<sheet>[^"']+)""")
EXTERNAL = re.compile(r"(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the website in a temporary folder."""
    if not COMMAND.exists():
        pytest.skip("the website needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    text = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    shutil.copytree(ROOT / "docs", folder / "docs")  # must be inside the project
    for relative in ("src", "scripts/docstring_sections.py"):
        text = text.replace(f'"{relative}"', f'"{(ROOT / relative).as_posix()}"')
    (folder / "zensical.toml").write_text(text, encoding="utf-8")
    path = os.pathsep.join([str(COMMAND.parent), os.environ.get("PATH", "")])  # ruff formats the signatures
    done = subprocess.run(
        [str(COMMAND), "build", "--strict"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build/site"


def resources(site: Path) -> Iterator[str]:
    """Yield the address of everything that a browser loads with the pages."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        yield from (match["source"] or match["link"] for match in LOADED.finditer(text))
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        yield from (match["url"] or match["sheet"] for match in STYLE_URL.finditer(text))


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    found = list(resources(site))
    assert len(found) > 50  # a pattern that matches nothing would find no external resource
    assert [address for address in found if EXTERNAL.match(address)] == []


@pytest.mark.parametrize("name", [name for name in emotone.__all__ if not name.startswith("_")])
def test_every_public_name_is_in_the_reference(site: Path, name: str) -> None:
    pages = [page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html")]
    assert any(re.search(rf'id="emotone\.[\w.]*\.{name}"', page) for page in pages)


def test_examples_of_docstrings_are_code(site: Path) -> None:
    page = (site / "api/metrics.html").read_text(encoding="utf-8")
    assert '<span class="gp">&gt;&gt;&gt; </span>' in page
    assert "<blockquote>" not in page
