from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from emotone.cli.commands.corpora import FINDINGS_SHOWN, SPEAKERS_SHOWN, command
from emotone.corpora.base import CORPORA
from emotone.errors import CorpusError, EmotoneError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

EMODB_ALL_MISSING_BUT_ONE = 7  # every emotion lacks clips


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def failure(*arguments: str | Path) -> EmotoneError:
    """Run a command that fails, and return the error that the main command prints as one line."""
    result = run(*arguments)
    assert isinstance(result.exception, EmotoneError), result.output
    assert result.stdout == ""
    return result.exception


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """One good clip of Emo-DB."""
    (tmp_path / "wav").mkdir()
    signal = 0.1 * np.random.default_rng(0).uniform(-1, 1, 8000)
    soundfile.write(tmp_path / "wav/03a01Fa.wav", signal, 16000)
    return tmp_path


def test_a_table_in_place_of_the_name(tmp_path: Path) -> None:
    words = "calls.csv is a table, and NAME comes first: any name for it, e.g. calls calls.csv"
    assert str(failure("check", "calls.csv", tmp_path)) == words


def test_list_as_text_and_json() -> None:
    result = run("list")
    assert result.exit_code == 0
    assert result.stderr == ""
    for name, corpus in CORPORA.all().items():
        assert name in result.stdout
        assert str(corpus.clips or "-") in result.stdout
    listed = json.loads(run("list", "--json").stdout)
    assert [item["name"] for item in listed] == list(CORPORA.names)
    assert all({"licence", "citation", "access", "counts", "speakers", "layout"} <= set(item) for item in listed)


def test_show_as_text_and_json() -> None:
    result = run("show", "ravdess")
    assert result.exit_code == 0
    for text in ("CC-BY-NC-SA-4.0", "zenodo.org", "1440", "Livingstone", "anger 192"):
        assert text in result.stdout
    shown = json.loads(run("show", "ravdess", "--json").stdout)
    assert (shown["clips"], len(shown["speakers"]), shown["weights_shippable"]) == (1440, 24, True)


def test_selections_are_listed_and_shown() -> None:
    description = "turns in four classes on which at least two raters agree"
    assert f"selection iemocap-two-raters of iemocap: {description}" in run("list").stdout
    shown = " ".join(run("show", "iemocap").stdout.split())
    for text in ("selection iemocap-two-raters", "happiness 2496", "Lakomkin", "not on a copy"):
        assert text in shown
    (selection,) = json.loads(run("show", "iemocap", "--json").stdout)["selections"]
    assert set(selection) == {"name", "description", "published", "citation", "note"}
    assert json.loads(run("show", "emodb", "--json").stdout)["selections"] == []


def test_show_an_unknown_corpus() -> None:
    error = failure("show", "ravdes")
    assert isinstance(error, UnknownNameError)
    assert "did you mean 'ravdess'" in str(error)


@pytest.mark.parametrize("name", ["emodb", "auto"])
def test_check_finds_problems(copy: Path, name: str) -> None:
    result = run("check", name, copy)
    assert result.exit_code == 1
    assert "problem: anger: 127 of 127 clips are missing" in result.stdout
    assert result.stdout.endswith("\nproblems found\n")
    assert ("contains emodb" in result.stderr) == (name == "auto")


def test_check_as_json(copy: Path) -> None:
    result = run("check", "emodb", copy, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["corpus"], found["clips"], found["ok"]) == ("emodb", 1, False)
    assert len([item for item in found["findings"] if item["kind"] == "missing"]) == EMODB_ALL_MISSING_BUT_ONE + 1


@pytest.mark.parametrize("name", ["calls", "auto"])
def test_check_a_table(copy: Path, name: str) -> None:
    table = copy / "t.csv"
    table.write_text("file,label\nwav/03a01Fa.wav,anger\n", "utf-8")
    result = run("check", name, table)
    assert result.exit_code == 0
    assert result.stdout.endswith("no problems found\n")
    assert "median 0.50 s" in result.stdout


def test_clips_per_speaker_are_a_range_for_many_speakers(copy: Path) -> None:
    rows = "".join(f"wav/03a01Fa.wav,{number}e-3,anger,s{number}\n" for number in range(SPEAKERS_SHOWN + 1))
    (copy / "t.csv").write_text(f"file,start,label,speaker\n{rows}", "utf-8")
    assert "clips per speaker: 1 to 1\n" in run("check", "calls", copy / "t.csv").stdout
    assert "clips per speaker: 03 1\n0.0 of 24.8 min in total" in run("check", "emodb", copy).stdout


def test_long_lists_of_findings_are_shortened_in_the_text_only(copy: Path) -> None:
    rows = "".join(f"none{number}.wav,anger\n" for number in range(FINDINGS_SHOWN + 5))
    (copy / "t.csv").write_text(f"file,label\nwav/03a01Fa.wav,anger\n{rows}", "utf-8")
    result = run("check", "calls", copy / "t.csv")
    assert result.stdout.count("no such file") == FINDINGS_SHOWN
    assert "... and 5 more of the kind 'table'" in result.stdout
    findings = json.loads(run("check", "calls", copy / "t.csv", "--json").stdout)["findings"]
    assert len(findings) == FINDINGS_SHOWN + 5


def test_file_names_are_printed_without_control_characters_and_markup(copy: Path) -> None:
    (copy / "x\x1b[2J[bold]y.wav").touch()
    assert "x?[2J[bold]y.wav" in run("check", "emodb", copy).stdout


def test_no_duration_is_printed_if_no_recording_can_be_read(copy: Path) -> None:
    (copy / "wav/03a01Fa.wav").write_bytes(b"")
    result = run("check", "emodb", copy)
    assert result.exit_code == 1
    assert "min in total" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "savee"), "contains no clip of savee, but 1 other recordings; expected are files such as "),
        (("check", "emo"), "unknown corpus 'emo'"),
    ],
)
def test_check_of_another_corpus(copy: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in str(failure(*arguments, copy))


@pytest.mark.parametrize("name", ["emodb", "auto"])
def test_check_of_a_missing_folder(tmp_path: Path, name: str) -> None:
    error = failure("check", name, tmp_path / "none")
    assert isinstance(error, CorpusError)
    assert "does not exist" in str(error)


@pytest.mark.parametrize("name", ["emodb", "auto"])
def test_write_a_table(copy: Path, name: str) -> None:
    result = run("table", name, copy, "--out", copy / "t.csv")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.endswith("t.csv: 1 rows\n")
    rows = list(csv.DictReader(io.StringIO((copy / "t.csv").read_text("utf-8"))))
    assert [(row["file"], row["speaker"], row["label"], row["sentence"]) for row in rows] == [
        ("wav/03a01Fa.wav", "03", "happiness", "a01")
    ]
    assert run("check", "mine", copy / "t.csv").exit_code == 0


def test_write_a_table_from_a_table_with_a_bad_row(copy: Path) -> None:
    (copy / "t.csv").write_text("file,label\nwav/03a01Fa.wav,anger\nnone.wav,anger\n", "utf-8")
    result = run("table", "auto", copy / "t.csv", "--out", copy / "clean.tsv", "--json")
    assert result.exit_code == 1
    assert "left out: " in result.stderr
    written = json.loads(result.stdout)
    assert (written["rows"], len(written["problems"])) == (1, 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
def test_write_a_database_and_check_it(copy: Path) -> None:
    (copy / "t.csv").write_text("file,label\nwav/03a01Fa.wav,anger\n", "utf-8")
    (copy / "wav/03a01Fa.wav").rename(copy / "wav/x.wav")
    (copy / "t.csv").write_text("file,label\nwav/x.wav,anger\n", "utf-8")
    result = run("table", "auto", copy / "t.csv", "--out", copy, "--format", "audformat", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"corpus": "table", "file": str(copy), "rows": 1, "problems": []}
    result = run("check", "auto", copy)
    assert result.exit_code == 0
    assert "contains audformat" in result.stderr
    assert "anger" in result.stdout


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
def test_a_database_in_the_folder_of_a_known_corpus_does_not_hide_it(copy: Path) -> None:
    assert run("table", "auto", copy, "--out", copy, "--format", "audformat").exit_code == 0
    result = run("check", "auto", copy)
    assert "contains emodb" in result.stderr
    assert "of 127 clips are missing" in result.stdout


@pytest.mark.parametrize("command", ["check", "table"])
def test_labels_are_mapped(copy: Path, command: str) -> None:
    (copy / "t.csv").write_text("file,label\nwav/03a01Fa.wav,thrilled\n", "utf-8")
    out = ("--out", copy / "clean.csv") if command == "table" else ()
    assert isinstance(run(command, "calls", copy / "t.csv", *out).exception, EmotoneError)  # no row can be used
    result = run(command, "calls", copy / "t.csv", *out, "--label-map", "Thrilled=excitement")
    assert result.exit_code == 0
    assert ": thrilled to excitement (1)" in result.output
    error = failure(command, "calls", copy / "t.csv", *out, "--label-map", "thrilled=excitement,mad=anger")
    assert "the label map matches no label: unknown word 'mad'" in str(error)


def test_a_wrong_label_map_is_an_error_before_the_corpus_is_read(copy: Path) -> None:
    assert "did you mean 'happiness'" in str(
        failure("check", "emodb", copy / "nowhere", "--label-map", "glad=happines")
    )


def test_the_suffix_of_a_table_is_checked(copy: Path) -> None:
    result = run("table", "emodb", copy, "--out", copy / "t.xlsx")
    assert result.exit_code == 2
    assert "allowed: a name that ends in .csv or .tsv" in result.stderr


def test_the_command_is_cheap_to_import() -> None:
    heavy = "{'numpy', 'rich', 'soundfile', 'torch', 'pandas'}"
    code = f"import sys, emotone.cli.commands.corpora; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
