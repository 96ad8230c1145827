"""Turns the rows of a table into utterances."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from emotone.corpora.label_map import mapped_label
from emotone.corpora.labels import UNKNOWN
from emotone.corpora.recording_paths import RecordingFinder
from emotone.corpora.times import ABSENT, is_number, parse_seconds
from emotone.errors import CorpusError
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TIMES = ("start", "end")
COLUMNS = ("file", "start", "end", "id", "speaker", "session", "label", "channel")


class RowReader:
    """Reads the rows of one table.

    Args:
        corpus: name of the corpus.
        folder: of the table, to which files are relative.
        header: names of the columns in lower case; "" for a column without a name.
        decimal_comma: whether commas in times are decimal signs.
        label_map: word in lower case -> canonical emotion.

    """

    def __init__(
        self,
        corpus: str,
        folder: Path,
        header: Sequence[str],
        *,
        decimal_comma: bool,
        label_map: Mapping[str, str] | None,
    ) -> None:
        self._corpus = corpus
        self._header = header
        self._columns = len(header) - next((i for i, name in enumerate(reversed(header)) if name), len(header))
        self._decimal_comma = decimal_comma
        self._label_map = label_map
        self._finder = RecordingFinder(folder)

    def utterance(self, fields: Sequence[str]) -> Utterance:
        """Return the utterance of one row.

        Raises:
            CorpusError: the row can't be used, with the reason.
            UnknownNameError: its label is neither canonical nor mapped.

        """
        values = self._values(fields)
        if not values.get("file"):
            raise_unusable("no file is given")
        if "label" not in values:
            raise_unusable(f"{len(fields)} fields, but the header has {self._columns}, and no label is given")
        label = values["label"] or UNKNOWN
        (start_text, start), (end_text, end) = (self._time(column, values.get(column, "")) for column in TIMES)
        if end is not None and end <= (start or 0.0):
            raise_unusable(f"the end, {end:g} s, is not after the start, {start or 0.0:g} s")
        channel = parse_channel(values.get("channel", ""))
        path, file = self._finder.find(values["file"])
        speaker = values.get("speaker", "")
        extras = {name: value for name, value in values.items() if name not in COLUMNS and value}
        emotion = mapped_label(label, self._label_map)
        return Utterance(
            id=values.get("id") or fragment(file, start=start_text, end=end_text, channel=channel),
            corpus=self._corpus,
            path=path,
            start=start or 0.0,
            end=end,
            speaker=speaker,
            session=values.get("session") or speaker,
            label=emotion,
            extras=with_original_label(extras, label, emotion),
            channel=channel,
        )

    def _values(self, fields: Sequence[str]) -> dict[str, str]:
        """Return the fields of a row by the names of their columns."""
        if any(field.strip() for field in fields[self._columns :]):
            raise_unusable(f"{len(fields)} fields, but the header has {self._columns}; quote fields with separators")
        return {name: field.strip() for name, field in zip(self._header, fields, strict=False) if name}

    def _time(self, column: str, text: str) -> tuple[str, float | None]:
        """Return a time as ids contain it, which is how the table writes it if that is a number, and in seconds."""
        plain = text.replace(",", ".") if self._decimal_comma else text
        try:
            seconds = parse_seconds(plain)
        except ValueError:
            hint = "; where commas separate the columns, write a point" if "," in text else ""
            raise_unusable(f"the {column} '{text}' is not a number of seconds, 0 or more{hint}")
        if seconds is None or is_number(plain):
            return "" if seconds is None else plain, seconds
        return f"{seconds!r}".removesuffix(".0") if seconds or column == "end" else "", seconds


def with_original_label(extras: Mapping[str, str], word: str, emotion: str) -> dict[str, str]:
    """Return extras with the word of a label; a column `original_label` is kept where the label itself is canonical.

    Example:
        >>> with_original_label({"original_label": "Freude"}, "happiness", "happiness")
        {'original_label': 'Freude'}
        >>> with_original_label({"original_label": "Freude"}, "glad", "happiness")
        {'original_label': 'glad'}

    """
    own = extras.get("original_label", word) if word.casefold() == emotion else word
    return {**extras, "original_label": own}


def fragment(file: str, *, start: str, end: str, channel: int | None = None) -> str:
    """Return the id of a part of a file that has none of its own, as a media fragment.

    Example:
        >>> fragment("a.wav", start="", end="3"), fragment("a.wav", start="1.5", end="", channel=1)
        ('a.wav#t=0,3', 'a.wav#t=1.5&channel=1')

    """
    parts = [f"t={start or 0}{',' if end else ''}{end}"] if start or end else []
    parts += [] if channel is None else [f"channel={channel}"]
    return f"{file}#{'&'.join(parts)}" if parts else file


def parse_channel(text: str) -> int | None:
    """Return the number of a channel, or None for "mix" or no value; raise `CorpusError` for anything else."""
    if text.casefold() in ABSENT or text.casefold() == "mix":
        return None
    number = text.removesuffix(".0")  # as pandas writes integers next to missing values
    if not (number.isascii() and number.isdigit()):
        raise_unusable(f"the channel '{text}' is not a number, 0 or more")
    return int(number)


def raise_unusable(message: str) -> NoReturn:
    """Raise `CorpusError` for a row that can't be used."""
    raise CorpusError(message)
