"""The scripts of this repository: activity, results, transfer curves, benchmarks, and coverage."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import base, child
from benchmarks.base import BENCHMARKS, Check, Outcome, as_json, machine, markdown, text
from scripts.activity import (
    LENGTH,
    as_code,
    by_level,
    count,
    described,
    labelled,
    meeting_turns,
    sound_clips,
    speech_clips,
    synthetic,
)
from scripts.coverage_floors import main as coverage_floors_main
from scripts.coverage_floors import package, shortfalls
from scripts.pages.results import EARLIER
from scripts.pages.transfer import figure, transfer
from scripts.results import add, main, rename
from tests.made_runs import Made, write_run
from tests.scoring.test_result_table import curve_run

from emotone.audio import activity
from emotone.errors import RunError
from emotone.reproductions.base import PAPERS, CellResult
from emotone.reproductions.stored import store_rows, stored_runs
from emotone.scoring.finished_run import finished_runs, read_run
from emotone.scoring.packed_runs import packed_names

# ----------------------------------------------------------------------------------------------------------------------
# The scripts for the weights of speech activity: held-out data is excluded, and the printed code is the package's.

ROOT = Path(__file__).resolve().parent.parent


def test_runs_that_are_marked_as_earlier_are_stored() -> None:
    assert set(packed_names(ROOT / "results")) >= EARLIER


def test_the_printed_weights_are_the_code_of_the_package() -> None:
    source = Path(activity.__file__).read_text(encoding="utf-8")
    assert f"\n{as_code(activity.WEIGHTS)}\n" in source


def test_silence_is_not_speech_and_unlabelled_frames_are_excluded(rng: np.random.Generator) -> None:
    signal = np.concatenate([np.zeros(16_000), rng.standard_normal(16_000)]).astype(np.float32)
    labels = np.repeat([1, -1], 100)
    frames = labelled(signal, labels, 0.5)
    assert frames.numbers.shape == (100, 18)
    assert set(frames.speech[:95]) == {0}
    assert set(frames.weight) == {0.5}


def test_frames_of_medium_level_are_unlabelled() -> None:
    assert by_level(np.array([0, 0, 0, -2.4, -3, -4.1, -4.3], np.float32)).tolist() == [1, 1, 1, 1, -1, -1, 0]


def test_synthetic_audio_depends_on_the_seed_only() -> None:
    first, second = (list(synthetic(np.random.default_rng(3))) for _ in range(2))
    assert len(first) == 15
    assert {len(sound) for sound in first} == {LENGTH}
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(np.isfinite(described(sound)[0]).all() for sound in first)


def test_turns_of_a_meeting_may_overlap(tmp_path: Path) -> None:
    (tmp_path / "ami").mkdir()
    rows = ["SPEAKER a 1 0.1 0.2 <NA> x <NA> <NA>", "SPEAKER a 1 0.2 0.2 <NA> y <NA> <NA>", "SPEAKER b 1 0 1 <NA> x"]
    (tmp_path / "ami/debug.test.rttm").write_text("\n".join(rows), encoding="utf-8")
    spoken = meeting_turns(tmp_path, "test", "a", 50)
    assert np.flatnonzero(spoken).tolist() == list(range(10, 40))


@pytest.mark.shared
def test_held_out_sounds_are_not_trained_on(shared: Path) -> None:
    trained, held_out = (sound_clips(shared / "corpora", held_out=held_out) for held_out in (False, True))
    assert {name: (len(trained[name]), len(held_out[name])) for name in trained} == dict.fromkeys(trained, (24, 16))
    assert {path.name[0] for paths in held_out.values() for path in paths} == {"4", "5"}


@pytest.mark.shared
def test_the_selection_of_speech_clips_is_reproducible(shared: Path) -> None:
    clips = speech_clips(shared / "corpora")
    assert clips == speech_clips(shared / "corpora")
    assert len(set(clips)) == 250


def test_a_clip_with_speech_is_accepted() -> None:
    counts = count([ROOT / "examples/even.flac"])
    assert (counts["clips"], counts["heard"]) == (1, 1)
    assert 20 <= counts["active"] <= counts["frames"]


# ----------------------------------------------------------------------------------------------------------------------
# The script that changes the stored runs: what it adds, removes and renames.

TABLE = Made(speakers=2, clips=3).table()


def test_a_run_is_added_renamed_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results"
    run = write_run(tmp_path / "mine-random-5-0123", TABLE, recipe={"name": "mine"})
    for arguments in (["add", str(run)], ["list"]):
        assert main(arguments, results=results) == 0
        assert capsys.readouterr().out == "mine-random-5-0123\n"
    assert main(["rename", "mine-random-5-0123", "ours-random-5-0123"], results=results) == 0
    assert finished_runs(results) == [results / "ours-random-5-0123"]
    assert read_run(results / "ours-random-5-0123").about["recipe"]["name"] == "ours"
    rename("ours-random-5-0123", "other", results=results)
    assert read_run(results / "other").about["recipe"]["name"] == "ours"
    assert main(["rename", "gone", "new"], results=results) == 1
    assert "has no packed run 'gone'" in capsys.readouterr().err
    with pytest.raises(RunError, match="has 'other' already"):
        rename("other", "other", results=results)
    assert main(["remove", "other"], results=results) == 0
    assert finished_runs(results) == []


def test_a_folder_of_runs_is_added_with_the_rows_of_its_tables(tmp_path: Path) -> None:
    paper = PAPERS.get("asr-reuse")
    table = paper.tables[0]
    made, results = tmp_path / "made", tmp_path / "results"
    for draw, name in enumerate(("one", "two")):
        write_run(made / paper.key / name, Made(speakers=2, clips=3, draw=draw).table())
    for out, run, cell in ((results, "one", table.cells[0]), (made, "two", table.cells[1])):
        rows = [CellResult(each, None, "not run", run if each is cell else "").to_dict() for each in table.cells]
        store_rows(paper, table, rows, out=out)
    assert add(made / paper.key, results=results) == ["one", "two"]
    found = stored_runs(paper, table, [results])
    assert {key: run.name for key, run in found.items()} == {table.cells[0].key: "one", table.cells[1].key: "two"}
    with pytest.raises(RunError, match="contains no finished run"):
        add(tmp_path, results=results)


# ----------------------------------------------------------------------------------------------------------------------
# The generated page of learning curves: from synthetic runs, and without any.


def store(results: Path) -> None:
    folder = results / "transfer-curves"
    for draw, (plan, clips, skill) in enumerate(
        [("", 10, 0.1), ("", 20, 0.5), ("", None, 0.9), ("A1", None, 0.3), ("A2", 10, 0.4), ("A2", 20, 0.9)]
    ):
        curve_run(folder, plan=plan, clips=clips, skill=skill, draw=draw)


def test_scores_and_gains_are_listed_by_plan_and_clips(tmp_path: Path) -> None:
    store(tmp_path)
    text = transfer(tmp_path)
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| A2")]
    assert "| clips | 0 | 10 | 20 | all (27) |" in text
    assert float(rows[0][2].split()[0]) > 50
    assert rows[1][2].startswith("+")
    assert "54 clips of 6 speakers, all tested; chance is 33.3" in text
    assert "10 epochs of 20 batches of 8" in text
    assert "  Training from scratch needs " in text
    assert [line for line in text.splitlines() if line.startswith("| mean gain")]


def test_the_figure_is_complete_and_reproducible(tmp_path: Path) -> None:
    store(tmp_path)
    drawn = figure(tmp_path)
    texts = set(re.findall(r"<text[^>]*>([^<]+)</text>", drawn))
    assert {"0", "10", "20", "all (27)", "from scratch", "A1", "A2", "UAR x 100"} <= texts
    assert drawn == figure(tmp_path)


def test_a_longer_training_is_reported(tmp_path: Path) -> None:
    store(tmp_path)
    longer = curve_run(tmp_path / "made", skill=1.0)
    longer.rename(tmp_path / "transfer-curves" / "curve-alone-longer-0123")
    assert "From scratch with 200 batches and all (27) clips: 100.0 [100.0, 100.0]." in transfer(tmp_path)


def test_without_runs_the_page_has_a_remark(tmp_path: Path) -> None:
    assert "Not run yet." in transfer(tmp_path)


# ----------------------------------------------------------------------------------------------------------------------
# The script that guards coverage finds what is too low, and nothing else.


def report(**percents: int) -> dict[str, Any]:
    files = {
        f"src/emotone/{name}/x.py": {
            "summary": {"covered_lines": percent, "num_statements": 100},
            "missing_lines": list(range(percent, 100)),
        }
        for name, percent in percents.items()
    }
    return {"files": files, "totals": {"percent_covered": 95.0}}


@pytest.mark.parametrize(
    ("path", "name"),
    [("src/emotone/audio/read.py", "audio"), ("src/emotone/files.py", "files"), ("a/emotone/cli/main.py", "cli")],
)
def test_a_file_belongs_to_a_package(path: str, name: str) -> None:
    assert package(path) == name


def test_lower_floors_need_every_line_and_others_nine_in_ten() -> None:
    assert shortfalls(report(audio=100, cli=90)) == []
    found = shortfalls(report(audio=99, cli=89))
    assert [line.partition(":")[0] for line in found] == ["audio", "cli"]
    assert "src/emotone/audio/x.py: [99]" in found[0]


@pytest.mark.parametrize(("percent", "status"), [(100, 0), (99, 1)])
def test_the_exit_status_tells(percent: int, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps(report(audio=percent)), encoding="utf-8")
    assert coverage_floors_main(str(path)) == status
    assert ("every floor is reached" in capsys.readouterr().out) is (status == 0)


# ----------------------------------------------------------------------------------------------------------------------
# Bounds of benchmarks, and the page of their results.

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

    path = base.write_long(tmp_path / "long.wav", seconds=25.5, tile=base.sentence(10.0))
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
