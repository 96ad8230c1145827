"""Writes the utterances of a corpus as a table that `emotone.corpora.table` reads."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from emotone.corpora.table_rows import COLUMNS
from emotone.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.corpora.scan import Scan


def write_table(scan: Scan, path: Path) -> None:
    """Write the utterances of a scan as a table that `read_table` reads.

    Files below the folder of the table are written relative to it, so that the two can be moved together; others are
    written with their absolute path. Tabs separate the columns of a file whose name ends in .tsv, else commas. The
    column `channel` is written where an utterance has one.

    Raises:
        OutputError: it can't be written.

    """
    extras = sorted({name for utterance in scan.utterances for name in utterance.extras})
    has_channels = any(utterance.channel is not None for utterance in scan.utterances)
    columns = [column for column in COLUMNS if column != "channel" or has_channels]
    with atomic_write(path, text=True) as stream:
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        writer.writerow([*columns, *extras])
        for utterance in scan.utterances:
            values = {
                "file": relative(utterance.path, path.parent),
                "start": repr(utterance.start) if utterance.start else "",
                "end": "" if utterance.end is None else repr(utterance.end),
                "id": utterance.id,
                "speaker": utterance.speaker,
                "session": utterance.session,
                "label": utterance.label,
                "channel": "" if utterance.channel is None else str(utterance.channel),
            }
            writer.writerow([*(values[column] for column in columns), *(utterance.extras.get(x, "") for x in extras)])


def relative(path: Path, folder: Path) -> str:
    """Return a path below `folder` relative to it, any other absolute; with slashes."""
    absolute = path.absolute()
    below = absolute.is_relative_to(folder.absolute())
    return (absolute.relative_to(folder.absolute()) if below else absolute).as_posix()
