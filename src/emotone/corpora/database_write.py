"""Writes a corpus as an audformat database that `emotone.corpora.database` reads."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.corpora.database import EMOTION, HEADER
from emotone.corpora.labels import EMOTIONS, UNKNOWN
from emotone.corpora.table_write import relative
from emotone.errors import CorpusError, OutputError, missing_extra
from emotone.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.corpora.base import Corpus
    from emotone.corpora.scan import Scan
    from emotone.types import Utterance

TABLE = "emotion"


def write_database(scan: Scan, folder: Path, *, corpus: Corpus | None = None) -> None:
    """Write the utterances of a scan as an audformat database that `read_database` reads: `db.yaml` and one table.

    Files below the folder are written relative to it, so that a database in the corpus's own folder can be moved with
    it; others are written with their absolute path.

    Args:
        scan: with canonical labels.
        folder: of the database; it is created.
        corpus: whose licence, source and languages the header contains; None for a table.

    Raises:
        CorpusError: two utterances of the same part of a file, or an extra with the name of a required column.
        OutputError: the folder contains a database already, or can't be written to.
        MissingExtraError: the extra `audformat` is not installed.

    """
    try:
        import audformat
    except ImportError as error:
        raise missing_extra("audformat", "audformat", "writing an audformat database") from error
    if (folder / HEADER).exists():
        raise OutputError(f"{folder} contains an audformat database already; choose another folder, or delete {HEADER}")
    database = audformat.Database(scan.name, **_header(corpus))
    labels = {utterance.label for utterance in scan.utterances}
    ordered = [label for label in (*EMOTIONS, UNKNOWN) if label in labels]
    speakers = sorted({utterance.speaker for utterance in scan.utterances} - {""})
    database.schemes[EMOTION] = audformat.Scheme("str", labels=ordered)
    database.schemes["speaker"] = audformat.Scheme("str", labels=speakers or None)
    database.schemes["text"] = audformat.Scheme("str", description="Other information about an utterance")
    columns = _columns(scan.utterances)
    files = [relative(utterance.path, folder) for utterance in scan.utterances]
    _check_parts(scan.utterances)
    if any(utterance.start or utterance.end is not None for utterance in scan.utterances):
        index = audformat.segmented_index(
            files,
            [f"{utterance.start!r}s" for utterance in scan.utterances],
            [None if utterance.end is None else f"{utterance.end!r}s" for utterance in scan.utterances],
        )
    else:
        index = audformat.filewise_index(files)
    table = database[TABLE] = audformat.Table(index)
    for name, values in columns.items():
        table[name] = audformat.Column(scheme_id=name if name in (EMOTION, "speaker") else "text")
        table[name].set([value or None for value in values])
    with tempfile.TemporaryDirectory(prefix="emotone-") as place:
        database.save(place, storage_format="parquet")
        for path in sorted(Path(place).iterdir(), key=lambda path: path.name == HEADER):  # the header last
            with atomic_write(folder / path.name) as stream:
                stream.write(path.read_bytes())


def _header(corpus: Corpus | None) -> dict[str, str | list[str]]:
    if corpus is None:
        return {"source": "a table", "usage": "other"}
    return {
        "source": corpus.access,
        "usage": "unrestricted" if corpus.licence.name == "CC0-1.0" else "restricted",
        "languages": list(dict.fromkeys(tag.partition("-")[0] for tag in corpus.languages)),
        "description": f"{corpus.title}. {corpus.citation}",
        "license": corpus.licence.name,
    }


def _columns(utterances: tuple[Utterance, ...]) -> Mapping[str, list[str]]:
    extras = sorted({name for utterance in utterances for name in utterance.extras})
    if EMOTION in extras:
        raise CorpusError(
            f"the table has a column '{EMOTION}' besides the label; rename it, because a database stores labels there"
        )
    channels = ["" if utterance.channel is None else str(utterance.channel) for utterance in utterances]
    return {
        EMOTION: [utterance.label for utterance in utterances],
        "speaker": [utterance.speaker for utterance in utterances],
        "session": [utterance.session for utterance in utterances],
        "id": [utterance.id for utterance in utterances],
        **({"channel": channels} if any(channels) else {}),
        **{name: [utterance.extras.get(name, "") for utterance in utterances] for name in extras},
    }


def _check_parts(utterances: tuple[Utterance, ...]) -> None:
    """Raise `CorpusError` for two utterances of one part of a file: a database has one row for each part."""
    ids: dict[tuple[Path, float, float | None], str] = {}
    for utterance in utterances:
        first = ids.setdefault((utterance.path, utterance.start, utterance.end), utterance.id)
        if first != utterance.id:
            raise CorpusError(f"{first} and {utterance.id} are the same part of {utterance.path}; keep one of them")
