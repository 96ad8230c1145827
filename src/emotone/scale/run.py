"""A bulk run on disk: what is to be done in parts, which parts are complete, and their results.

    part-00000.parquet      results of the recordings of a part, in their order
    _failures.jsonl         recordings without a result, of all parts, at the end
    _run/job.json           settings; written last, when the list of recordings is complete
    _run/inputs/00000.jsonl the recordings of a part
    _run/done/00000.json    how the part ended; written after its results

A part is complete when its record in `_run/done` exists. Whatever a process that was killed left without one is done
again, and replaces the file of the same name, so that nothing is missing or written twice.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from emotone.errors import OutputError, UsageError
from emotone.inference.result import Failure
from emotone.inference.saving import text_stream
from emotone.scale.job import job_from_json
from emotone.scale.listing import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from emotone.inference.result import Prediction
    from emotone.scale.job import Job
    from emotone.scale.store import Store
    from emotone.types import Seconds

    Results = Sequence[Prediction | Failure]

JOB, LISTING = "_run/job.json", "_run/listing.json"
INPUTS, DONE = "_run/inputs", "_run/done"
FAILURES = "_failures.jsonl"


@dataclass(frozen=True)
class PartRecord:
    """How a part ended.

    Attributes:
        number: of the part, from 0.
        recordings: in it.
        seconds: of audio that was analysed; a channel counts by itself.
        failures: recordings without a result.

    """

    number: int
    recordings: int
    seconds: Seconds
    failures: tuple[Failure, ...]

    def to_json(self) -> str:
        """Return the record as text."""
        failures = [[one.file, one.code, one.message] for one in self.failures]
        return json.dumps(
            {"part": self.number, "recordings": self.recordings, "seconds": self.seconds, "failures": failures}
        )


def record_from_json(text: str | bytes) -> PartRecord:
    """Return the record that `PartRecord.to_json` wrote."""
    values = json.loads(text)
    failures = tuple(Failure(*one) for one in values["failures"])
    return PartRecord(values["part"], values["recordings"], values["seconds"], failures)


@dataclass(frozen=True)
class BulkRun:
    """A run whose list of recordings is complete.

    Attributes:
        store: where it is.
        job: its settings.
        recordings: number of all.
        parts: number of parts.
        unlisted: folders that couldn't be read when recordings were listed.

    """

    store: Store
    job: Job
    recordings: int
    parts: int
    unlisted: tuple[Failure, ...] = ()

    def part_name(self, number: int) -> str:
        """Return the name of the results of a part."""
        return f"part-{number:05d}{self.job.result_format.suffix}"

    def items(self, number: int) -> list[Item]:
        """Return the recordings of a part.

        Raises:
            OutputError: the output does not contain them.

        """
        text = self.store.read(_inputs(number))
        if text is None:
            raise OutputError(f"{self.store.location} lacks {_inputs(number)}; a run can't do without its inputs")
        return [Item(*json.loads(line)) for line in text.splitlines()]

    def records(self) -> dict[int, PartRecord]:
        """Return the records of complete parts, whose results exist."""
        written = self.store.names()
        found = {}
        for name in sorted(self.store.names(DONE)):
            text = self.store.read(f"{DONE}/{name}")
            record = record_from_json(text or b"{}")
            if self.part_name(record.number) in written:
                found[record.number] = record
        return found

    def write_part(self, number: int, items: Sequence[Item], results: Iterator[Results]) -> PartRecord:
        """Write the results of a part, which are named by the ids of its items, and then its record.

        Args:
            number: of the part.
            items: its recordings.
            results: of each recording; exactly as many as there are items are consumed.

        Raises:
            OutputError: the output can't be written.
            MissingExtraError: the format needs a package that is not installed.

        """
        failures: list[Failure] = []
        seconds = 0.0
        chosen = self.job.result_format
        with self.store.writing(self.part_name(number)) as raw:
            stream: Any = raw if chosen.binary else text_stream(raw)
            writer = chosen.open(stream, self.job.page)
            for item, of_one in zip(items, islice(results, len(items)), strict=True):
                for result in of_one:
                    if isinstance(result, Failure):
                        failed = Failure(item.id, result.code, result.message.replace(item.path, item.id))
                        failures.append(failed)
                        writer.write(failed)
                    else:
                        seconds += result.duration
                        writer.write(replace(result, file=item.id))
            writer.finish()
            if isinstance(stream, io.TextIOWrapper):
                stream.detach()  # flushed but not closed: closing is the store's task
        record = PartRecord(number, len(items), round(seconds, 3), tuple(failures))
        _write(self.store, f"{DONE}/{number:05d}.json", record.to_json())
        return record

    def write_failures(self, failures: Iterable[Failure]) -> None:
        """Write the list of all failures."""
        _write(self.store, FAILURES, "".join(json.dumps(one.to_dict()) + "\n" for one in failures))


def start(store: Store, job: Job, items: Iterable[Item | Failure]) -> BulkRun:
    """Write what a new run will do.

    Raises:
        UsageError: the output contains another run, or other files; or there are no recordings.
        OutputError: the output can't be written.

    """
    if store.read(JOB) is not None:
        raise UsageError(
            f"{store.location} contains another run; continue it with --resume, or choose another folder for --out"
        )
    other = store.names() - {"_run"}  # left by a run that was killed while it listed recordings
    if other:
        raise UsageError(f"{store.location} contains other files ({min(other)}); choose a new folder for --out")
    recordings, parts, unlisted = 0, 0, list[Failure]()
    for part in _parts(job, items, unlisted):
        lines = "".join(json.dumps([item.path, item.id]) + "\n" for item in part)
        _write(store, _inputs(parts), lines)
        recordings, parts = recordings + len(part), parts + 1
    if recordings == 0:
        raise UsageError("no recordings were found; " + (unlisted[0].message if unlisted else "name some"))
    run = BulkRun(store, job, recordings, parts, tuple(unlisted))
    failures = [[one.file, one.code, one.message] for one in unlisted]
    listing = {"recordings": recordings, "parts": parts, "unlisted": failures}
    _write(store, LISTING, json.dumps(listing))
    _write(store, JOB, job.to_json())
    return run


def _parts(job: Job, items: Iterable[Item | Failure], unlisted: list[Failure]) -> Iterator[list[Item]]:
    """Yield the recordings of each part: so many at a time, or a group; append failures to `unlisted`."""
    groups: dict[str, list[Item]] = {}
    waiting: list[Item] = []
    for item in items:
        if isinstance(item, Failure):
            unlisted.append(item)
        elif job.adapt_by:
            groups.setdefault(item.group, []).append(item)
        else:
            waiting.append(item)
            if len(waiting) == job.part_size:
                yield waiting
                waiting = []
    if waiting:
        yield waiting
    yield from groups.values()


def resume(store: Store, job: Job) -> BulkRun | None:
    """Return the run that an output contains, with the recordings that were listed when it started; None without one.

    Raises:
        UsageError: its settings are other ones.
        OutputError: its files are damaged or of another version.

    """
    stored = open_run(store)
    if stored is None:
        return None
    different = stored.job.differences(job)
    if different:
        raise UsageError(
            f"{store.location} contains a run with other settings: {'; '.join(different)}; repeat the settings that it "
            "was started with, or choose another folder for --out"
        )
    return stored


def open_run(store: Store) -> BulkRun | None:
    """Return the run that an output contains; None where its list of recordings is not complete."""
    text, listing = store.read(JOB), store.read(LISTING)
    if text is None or listing is None:
        return None
    values = json.loads(listing)
    job = job_from_json(text, where=f"{store.location}/{JOB}")
    parts = values.get("parts", -(-values["recordings"] // job.part_size))  # versions without groups wrote none
    return BulkRun(store, job, values["recordings"], parts, tuple(Failure(*one) for one in values["unlisted"]))


def _inputs(number: int) -> str:
    return f"{INPUTS}/{number:05d}.jsonl"


def _write(store: Store, name: str, text: str) -> None:
    with store.writing(name) as stream:
        stream.write(text.encode())
