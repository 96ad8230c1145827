"""The page in a real browser: a file, and a microphone. Skipped where no Chromium is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from tests.serve.browser import browser, find_chromium
from tests.serve.conftest import wait_until

from emotone.inference.saving import FORMATS, to_bytes
from emotone.inference.saving import Page as Output
from emotone.serve.schemas import MEDIA_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.serve.browser import Page
    from tests.serve.conftest import RunningServer

    from emotone.inference.model import Model
    from emotone.types import Array

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed")
PLEDGE = "A label is a guess about a voice, not a fact about a person."


@pytest.fixture(scope="module")
def spoken(speech: Callable[..., Array], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wav file with two utterances."""
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    pause = np.zeros(24000, np.float32)
    soundfile.write(path, np.concatenate([speech(3.0), pause, speech(2.0, seed=2), pause, pause]), 16000)
    return path


@pytest.fixture(scope="module")
def page(server: RunningServer, spoken: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile"), microphone=spoken) as found:
        found.open(server.url + "/")
        found.wait_for("document.querySelector('#model').options.length === 1")
        yield found


def pictures(page: Page, name: str) -> None:
    """Save pictures for people who want to look at them."""
    folder = os.environ.get("EMOTONE_PICTURES")
    if folder:
        for width in (1000, 380):
            for dark in (False, True):
                page.picture(Path(folder) / f"{name}-{width}{'-dark' if dark else ''}.png", width=width, dark=dark)


def test_a_file_becomes_a_timeline(page: Page, spoken: Path, model: Model) -> None:
    prediction = model.predict(spoken)
    page.choose_file("#file", spoken)
    page.wait_for("document.querySelector('#status').textContent.startsWith('spoken.wav: ')")
    rows = page.run(
        "[...document.querySelectorAll('#utterances tr')].map((row) => row.cells[1].childNodes[1].textContent)"
    )
    assert rows == [one.label for one in prediction.utterances]
    assert prediction.clip.label is not None
    assert prediction.clip.label in page.run("document.querySelector('#label').textContent")
    pictures(page, "file")


def test_a_microphone_becomes_live_events(page: Page) -> None:
    page.run("document.querySelector('#talk').click()")
    page.wait_for("document.querySelectorAll('#pending tr').length === 1")  # a result so far
    assert "so far" in page.run("document.querySelector('#headline').innerText")
    page.wait_for("state.live && state.live.started && document.querySelectorAll('#utterances tr').length >= 2")
    page.wait_for("document.querySelectorAll('.percent').length === 4")
    assert page.run("document.querySelectorAll('#pending tr').length") == 0
    pictures(page, "microphone")
    page.run("document.querySelector('#talk').click()")
    page.wait_for("document.querySelector('#status').textContent.startsWith('microphone.wav: ')")
    assert page.run("document.querySelector('#talk').getAttribute('aria-pressed')") == "false"
    assert not page.run("document.querySelector('#player').hidden")  # what was spoken can be played


def test_a_file_can_be_dropped(page: Page, spoken: Path) -> None:
    page.drop(spoken)
    page.wait_for("document.querySelector('#status').textContent.startsWith('spoken.wav: ')")


def test_every_format_can_be_downloaded(page: Page, spoken: Path, model: Model, tmp_path: Path) -> None:
    page.choose_file("#file", spoken)
    page.wait_for("document.querySelector('#status').textContent.startsWith('spoken.wav: ')")
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    names = page.run("[...document.querySelector('#format').options].map((one) => one.value)")
    assert set(names) == set(MEDIA_TYPES)
    prediction = model.predict(spoken, name="spoken.wav")
    for name in names:
        page.run(f"document.querySelector('#format').value = '{name}'")
        page.run("download()")
        suffix = FORMATS.get(name).suffix
        path = tmp_path / f"spoken{suffix}"
        wait_until(path.exists)
        if name not in {"json", "textgrid", "elan"}:
            page_of = Output(labels=model.labels, single=True)
            assert path.read_bytes() == to_bytes(prediction, FORMATS.get(name), page_of)


def test_the_keyboard_reaches_every_control(page: Page) -> None:
    page.run("document.activeElement.blur()")
    reached = []
    for _ in range(4):
        page.press("Tab", code=9)
        reached.append(page.run("document.activeElement.id"))
    assert reached == ["model", "channel", "talk", "file"]


def test_a_phone_needs_no_horizontal_scrolling(page: Page) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=380, height=800, deviceScaleFactor=1, mobile=True)
    wide = "[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > 380)"
    assert page.run(f"{wide}.map((one) => one.tagName + one.id + one.textContent.slice(0, 20))") == []
    assert page.run("document.documentElement.scrollWidth") <= 380
    page.call("Emulation.clearDeviceMetricsOverride")


@pytest.mark.skipif("EMOTONE_AXE" not in os.environ, reason="EMOTONE_AXE does not name axe.min.js of axe-core")
def test_axe_finds_nothing(page: Page) -> None:
    page.run(Path(os.environ["EMOTONE_AXE"]).read_text(encoding="utf-8") + ";0")
    assert page.run("axe.run(document).then((found) => found.violations.map((one) => one.id))") == []


def test_a_failure_is_shown(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no recording")
    page.choose_file("#file", path)
    page.wait_for("document.querySelector('#status.error') !== null")
    assert "notes.txt" in page.run("document.querySelector('#status').textContent")


def test_the_page_states_that_labels_are_guesses_and_has_no_errors(page: Page) -> None:
    assert PLEDGE in page.run("document.querySelector('header').innerText")
    assert [one for one in page.messages if "415" not in one] == []  # the failure above


def test_the_reference_lists_the_operations(page: Page, server: RunningServer) -> None:
    page.open(server.url + "/docs")
    page.wait_for("document.body.innerText.includes('POST /v1/predict')")
