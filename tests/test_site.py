"""The documentation is built as a website without warnings, with the API reference and without external resources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import emotone

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
COMMAND = Path(sys.executable).with_name("zensical")
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=["']?(?P<source>[^"'\s>]+)"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|icon|preload|preconnect|prefetch))[^>]*\bhref=["']?(?P<link>[^"'\s>]+)""",
)
STYLE_URL = re.compile(r"""url\(["']?(?P<url>[^"')]+)|@import\s+["'](?P<sheet>[^"']+)""")
EXTERNAL = re.compile(r"(?:https?:)?//")

pytestmark = pytest.mark.skipif(not COMMAND.exists(), reason="the website needs the extra docs")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the website in a temporary folder."""
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
