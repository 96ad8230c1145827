"""A run on disk: parts, records, and what is left after a process was killed at any moment."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import emotone
from emotone.errors import OutputError, UsageError
from emotone.inference.result import Failure
from emotone.scale.job import Job, job_from_json
from emotone.scale.listing import Item
from emotone.scale.run import BulkRun, PartRecord, open_run, record_from_json, resume, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from emotone.scale.store import Store

ITEMS = [Item(f"/x/{number}.wav", f"{number}.wav") for number in range(5)]


def failures_of(items: list[Item]) -> Iterator[tuple[Failure, ...]]:
    return ((Failure(item.path, "gone", f"{item.path}: is gone"),) for item in items)


def test_items_are_divided_into_parts(make_job: Callable[..., Job], store: Store) -> None:
    folder = Failure("deep", "unreadable_folder", "deep: no right to")
    run = start(store, make_job(), [*ITEMS[:3], folder, *ITEMS[3:]])
    assert (run.recordings, run.parts, run.unlisted) == (5, 3, (folder,))
    assert [run.items(number) for number in range(3)] == [ITEMS[:2], ITEMS[2:4], ITEMS[4:]]
    assert open_run(store) == run
    assert resume(store, make_job()) == run


def test_results_have_the_ids_and_messages_too(make_job: Callable[..., Job], store: Store) -> None:
    run = start(store, make_job(), ITEMS)
    results = failures_of(ITEMS)
    record = run.write_part(0, run.items(0), results)
    assert record.failures == (Failure("0.wav", "gone", "0.wav: is gone"), Failure("1.wav", "gone", "1.wav: is gone"))
    lines = (store.read("part-00000.jsonl") or b"").splitlines()
    assert [json.loads(line)["file"] for line in lines] == ["0.wav", "1.wav"]
    assert next(results)[0].file == "/x/2.wav"  # no more than the part has was consumed
    assert run.records() == {0: record}


def test_a_part_is_complete_with_its_record_and_its_results(
    make_job: Callable[..., Job], store: Store, tmp_path: Path
) -> None:
    run = start(store, make_job(), ITEMS)
    for number in range(3):
        run.write_part(number, run.items(number), failures_of(run.items(number)))
    (tmp_path / "out/_run/done/00001.json").unlink()  # killed between the results and their record
    (tmp_path / "out/part-00002.jsonl").unlink()  # deleted by someone
    (tmp_path / "out/.part-00001.jsonl.x7").write_text("half a part")  # killed while it was written
    assert list(run.records()) == [0]


def test_a_part_that_fails_leaves_nothing(make_job: Callable[..., Job], store: Store) -> None:
    run = start(store, make_job(), ITEMS)

    def interrupted() -> Iterator[tuple[Failure, ...]]:
        yield from failures_of(ITEMS[:1])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.write_part(0, run.items(0), interrupted())
    assert run.records() == {}
    assert store.names() == {"_run"}


def test_an_output_of_another_run_is_refused(make_job: Callable[..., Job], store: Store, tmp_path: Path) -> None:
    start(store, make_job(), ITEMS)
    with pytest.raises(UsageError, match=r"contains another run; continue it with --resume"):
        start(store, make_job(), ITEMS)
    changed = {"channel": 0, "format": "parquet", "sha256": "1" * 64, "emotone": "9.9.9", "arguments": ("other",)}
    for name, value in changed.items():
        with pytest.raises(UsageError, match=rf"other settings: {name} \(.*; now "):
            resume(store, make_job(**{name: value}))
    assert resume(store, make_job(part_size=7)) is not None  # that of the start counts


def test_a_folder_with_other_files_is_refused(make_job: Callable[..., Job], store: Store, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"contains other files \(thesis.tex\)"):
        start(store, make_job(), ITEMS)


def test_a_list_that_was_interrupted_is_written_again(make_job: Callable[..., Job], store: Store) -> None:
    def interrupted() -> Iterator[Item]:
        yield from ITEMS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(store, make_job(), interrupted())
    assert resume(store, make_job()) is None
    assert start(store, make_job(), ITEMS[:2]).recordings == 2


def test_without_recordings_there_is_no_run(make_job: Callable[..., Job], store: Store) -> None:
    with pytest.raises(UsageError, match="no recordings were found; name some"):
        start(store, make_job(), [])
    with pytest.raises(UsageError, match="no recordings were found; deep: closed"):
        start(store, make_job(), [Failure("deep", "unreadable_folder", "deep: closed")])


def test_missing_inputs_are_named(make_job: Callable[..., Job], store: Store) -> None:
    run = BulkRun(store, make_job(), 3, 2)
    with pytest.raises(OutputError, match=r"lacks _run/inputs/00001.jsonl"):
        run.items(1)


@pytest.mark.parametrize("text", [b"{}", b"no json", b'{"schema": "emotone.bulk/0"}', b"[]"])
def test_a_job_that_cannot_be_read_is_refused(text: bytes) -> None:
    with pytest.raises(OutputError, match=r"out was not written by this version .*; expected emotone.bulk/1"):
        job_from_json(text, where="out")


def test_a_job_is_read_back_and_checked(make_job: Callable[..., Job]) -> None:
    job = make_job(channel="each", rows="clips")
    assert job_from_json(job.to_json().encode(), where="out") == job
    assert job.differences(replace(job, model="/elsewhere")) == []
    assert (job.page.rows, job.emotone) == ("clips", emotone.__version__)
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"format": "csv"}, "the format csv was given"),
        ({"part_size": 0}, "0 was given"),
    )
    for settings, message in wrong:
        with pytest.raises(UsageError, match=message):
            make_job(**settings)


def test_a_record_is_read_back() -> None:
    record = PartRecord(3, 2, 1.5, (Failure("ż \udcff.wav", "gone", "it is"),))
    assert record_from_json(record.to_json()) == record
