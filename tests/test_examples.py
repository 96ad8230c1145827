"""The example recordings are small, ordinary and reproducible, and the demo works on them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.audio.activity import speech_activity
from emotone.bundles.shipped import shipped_names

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
RECORDINGS = sorted(EXAMPLES.glob("*.flac"))
MADE_WITH = "1.51"  # of espeak-ng: another version speaks a little differently
needs_default = pytest.mark.skipif("default" not in shipped_names(), reason="no model is shipped yet")


def test_there_are_some() -> None:
    assert len(RECORDINGS) >= 3


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_an_example_is_small_ordinary_and_spoken(path: Path) -> None:
    info = soundfile.info(path)
    samples, _ = soundfile.read(path, dtype="float32")
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    assert path.stat().st_size < 150_000
    assert 3 < info.duration < 20
    assert np.abs(samples).max() < 1
    assert speech_activity(samples).mean() > 0.3


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_the_readme_names_every_example_and_says_that_nobody_speaks(path: Path) -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert path.name in text
    assert "Synthetic speech" in text


def test_they_are_made_again_sample_by_sample(tmp_path: Path) -> None:
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("espeak-ng is not installed; only making the examples again needs it")
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    if f" {MADE_WITH}" not in version:
        pytest.skip(f"made with espeak-ng {MADE_WITH}; here is: {version.strip()}")
    subprocess.run([sys.executable, str(EXAMPLES / "make.py"), str(tmp_path)], check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in RECORDINGS]
    for path in RECORDINGS:
        # Resampling rounds differently between processors: the last bit may move.
        made, kept = (soundfile.read(folder / path.name, dtype="int16")[0] for folder in (tmp_path, EXAMPLES))
        np.testing.assert_allclose(made.astype(int), kept.astype(int), rtol=0, atol=1)


def predict(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emotone", "predict", *options, "examples/"]
    # Only what is named: colours must not depend on who runs the tests.
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
    assert shown.count("the whole clip:") == len(RECORDINGS)


@needs_default
def test_every_example_is_judged_as_speech() -> None:
    results = [json.loads(line) for line in predict("--format", "jsonl").stdout.splitlines()]
    assert [Path(result["file"]).name for result in results] == [path.name for path in RECORDINGS]
    for result in results:
        assert result["clip"]["speech"] is True
        assert sum(result["clip"]["probabilities"].values()) == pytest.approx(1, abs=1e-6)
