"""Bounds of benchmarks, and the page of their results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import child, speech
from benchmarks.base import BENCHMARKS, Check, Outcome
from benchmarks.machine import machine
from benchmarks.report import as_json, markdown, text

ROOT = Path(__file__).resolve().parent.parent
KEPT = Check("time", 0.5, "<", 1.0, "s")
BROKEN = Check("ratio", 4.0, ">=", 5.0, "")
OUTCOMES = {
    "good": Outcome("A good one", "With care.", (KEPT,), ("what", "s"), (("one", "0.5"),)),
    "bad": Outcome("A bad one", "With care.", (BROKEN,), ("what", "s"), (("two", "4"),)),
    "absent": Outcome("None", "With care.", skipped="no recordings"),
}


@pytest.mark.parametrize(
    ("value", "relation", "holds"),
    [
        (1.0, "<", False),
        (0.9, "<", True),
        (1.0, "<=", True),
        (1.1, "<=", False),
        (1.0, ">=", True),
        (0.9, ">=", False),
        (float("nan"), "<", False),
        (float("nan"), "<=", False),
        (float("nan"), ">=", False),
    ],
)
def test_a_bound(value: float, relation: str, holds: bool) -> None:
    assert Check("x", value, relation, 1.0, "s").holds is holds  # type: ignore[arg-type]


def test_the_page_shows_rows_bounds_and_skipped_benchmarks() -> None:
    page = markdown(OUTCOMES, {"processor": "a processor"}, model="default")
    assert "| one | 0.5 |" in page
    assert "| time | 0.5 s | < 1 s | satisfied |" in page
    assert "| ratio | 4 | >= 5 | VIOLATED |" in page
    assert "Not measured: no recordings." in page
    assert "| processor | a processor |" in page


def test_the_json_contains_which_bounds_hold() -> None:
    found = json.loads(as_json(OUTCOMES, {"processor": "a processor"}, model="default"))
    assert found["benchmarks"]["good"]["checks"][0]["holds"] is True
    assert found["benchmarks"]["bad"]["checks"][0]["holds"] is False


def test_the_terminal_shows_a_violated_bound() -> None:
    assert "ok    time 0.5 s < 1 s" in text("good", OUTCOMES["good"])
    assert "FAIL  ratio 4 >= 5" in text("bad", OUTCOMES["bad"])
    assert "skipped: no recordings" in text("absent", OUTCOMES["absent"])


def test_memory_of_a_child_is_its_own() -> None:
    small = child.measure([sys.executable, "-c", "pass"])
    large = child.measure([sys.executable, "-c", "bytearray(b'x') * (100 << 20)"])
    assert small.megabytes < 60  # smaller than this process
    assert 80 < large.megabytes - small.megabytes < 120
    assert 0 < small.processor < small.seconds + 1 < 60


def test_a_failing_child_raises_with_its_message() -> None:
    with pytest.raises(RuntimeError, match="failed: no such thing"):
        child.measure([sys.executable, "-c", "import sys; sys.exit('no such thing')"])


def test_the_machine_is_described_without_names_or_paths() -> None:
    described = machine()
    assert {"processor", "memory", "python", "numpy", "onnxruntime"} <= set(described)
    assert not any("/" in value for value in described.values())


def test_a_long_recording_has_its_length(tmp_path: Path) -> None:
    import soundfile

    path = speech.write_long(tmp_path / "long.wav", seconds=25.5, tile=speech.sentence(10.0))
    assert soundfile.info(path).duration == 25.5


def test_there_is_a_benchmark_for_every_bound() -> None:
    assert set(BENCHMARKS.names) == {
        *("cold", "embedding", "evaluation", "extraction", "imports", "live"),
        *("memory", "stages", "throughput", "training"),
    }


def test_a_part_of_the_benchmarks_can_be_run() -> None:
    command = [sys.executable, "benchmarks/run.py", "--quick", "--only", "imports"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "\nimports: import emotone\n" in done.stdout
    assert "of torch, pandas, numpy" in done.stdout
