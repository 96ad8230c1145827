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

from emotone.audio.speech_network import network_activity
from emotone.bundles.library import shipped_names

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
