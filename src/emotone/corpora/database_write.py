"""Writing a corpus as an audformat database; `database` reads it back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.corpora.database import EMOTION, HEADER
from emotone.corpora.labels import EMOTIONS, UNKNOWN
from emotone.corpora.table import relative
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

    Files below the folder are written relative to it, so that written into the corpus's own folder it can be moved;
    others are written with their whole path.

    Args:
        scan: what is written, with canonical labels.
        folder: where to; it is made.
        corpus: whose licence, source and languages the header tells; None for a table.

    Raises:
        CorpusError: two utterances of one stretch of a file, or an extra called as a column that is needed.
        OutputError: there is a database already, or it can't be written.
        MissingExtraError: without the extra `audformat`.

    """
    try:
        import audformat
    except ImportError as error:
        raise missing_extra("audformat", "audformat", "writing an audformat database") from error
    if (folder / HEADER).exists():
        raise OutputError(f"{folder} holds an audformat database already; choose another folder, or delete {HEADER}")
    database = audformat.Database(scan.name, **_header(corpus))
    labels = {utterance.label for utterance in scan.utterances}
    ordered = [label for label in (*EMOTIONS, UNKNOWN) if label in labels]
    speakers = sorted({utterance.speaker for utterance in scan.utterances} - {""})
    database.schemes[EMOTION] = audformat.Scheme("str", labels=ordered)
    database.schemes["speaker"] = audformat.Scheme("str", labels=speakers or None)
    database.schemes["text"] = audformat.Scheme("str", description="Whatever else is known of an utterance")
    columns = _columns(scan.utterances)
    files = [relative(utterance.path, folder) for utterance in scan.utterances]
    _refuse_twice(scan.utterances)
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
        return {"source": "a table of its own", "usage": "other"}
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
            f"there is a column '{EMOTION}' beside the label; rename it, for a database keeps labels there"
        )
    return {
        EMOTION: [utterance.label for utterance in utterances],
        "speaker": [utterance.speaker for utterance in utterances],
        "session": [utterance.session for utterance in utterances],
        "id": [utterance.id for utterance in utterances],
        **{name: [utterance.extras.get(name, "") for utterance in utterances] for name in extras},
    }


def _refuse_twice(utterances: tuple[Utterance, ...]) -> None:
    places: dict[tuple[Path, float, float | None], str] = {}
    for utterance in utterances:
        first = places.setdefault((utterance.path, utterance.start, utterance.end), utterance.id)
        if first != utterance.id:
            raise CorpusError(f"{first} and {utterance.id} are the same stretch of {utterance.path}; keep one of them")
