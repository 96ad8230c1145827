"""The layer atlas: which layer of which published network carries emotion, on several corpora; one figure, one table.

The paper asks this of three layers of one recogniser. Here a linear classifier reads the mean over time of every layer
of recognisers of speech and of networks trained on the sounds of AudioSet, for speakers that it was not trained on.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError, SourceError
from emotone.metrics.intervals import score_estimate
from emotone.protocols import protocol
from emotone.recipes.embedding_recipe import HeadSettings
from emotone.reproductions.base import PublishedFigure
from emotone.reproductions.document import markdown_table
from emotone.reproductions.figure import DARK, NAMES, STYLE, XMLNS, text_element

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from emotone.types import Array, Fold, Utterance

PARTS = {"ravdess": 3, "nemo": 8}
"""Corpus -> of that many parts of its recordings, divided by a hash of their names, one is used; all of the others."""
MOST_FOLDS, FOLDS = 10, 6  # corpora with more speakers than that are divided into that many folds
HEAD = HeadSettings(regularisation=0.01, standardisations=("stored",), corpus_balance=0.0)
SOURCES = {
    "whisper-base": "Whisper base, speech recognition",
    "whisper-tiny-en": "Whisper tiny.en, speech recognition",
    "letter-gru": "letters, GRU",
    "letter-convolution": "letters, convolution and GRU",
    "yamnet": "YAMNet, sounds",
    "mn04": "mn04, sounds",
}
"""Source -> title."""
PANEL, HEIGHT, GAP, TOP, LEFT, BOTTOM = 220, 220, 44, 130, 48, 48  # pixels of a panel and around it
MIN_WIDTH = 640  # of the title, and two columns of the legend
COLOURS = (
    ("#0b5cad", "#7cb7ff"),
    ("#0f7c7c", "#6ed6d6"),
    ("#b3470e", "#ffab70"),
    ("#8b3fa0", "#d6a4e8"),
    ("#3d7a1f", "#9bd67c"),
    ("#8a6d00", "#e3c75f"),
)
"""Of each source, on a light and on a dark background."""
DASHES = ("", "6 3", "", "6 3", "", "6 3")
FURTHER_DASHES = "2 3"  # of encoders of the user's


@dataclass(frozen=True)
class AtlasCell:
    """The recall by one layer of one source on one corpus.

    Attributes:
        corpus: registry name.
        source: name.
        layer: name.
        place: of the layer, from 0 for the first one of the source to 1 for the last one.
        values: of its mean.
        uar: unweighted average recall in [0, 1].
        low: lower end of its 95 % interval, clustered by speaker.
        high: upper end.
        clips: number of tested clips.
        speakers: number of speakers.
        labels: number of labels.

    """

    corpus: str
    source: str
    layer: str
    place: float
    values: int
    uar: float
    low: float
    high: float
    clips: int
    speakers: int
    labels: int

    @property
    def text(self) -> str:
        """Value and interval, times 100."""
        return f"{100 * self.uar:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def compute_atlas(corpora: Mapping[str, Sequence[Utterance]], encoders: Sequence[str] = ()) -> dict[str, Any]:
    """Return the data of the atlas: a cell for every corpus, source and layer.

    Sources whose weights are not on this machine are left out, and listed under "absent" with the reason.

    Args:
        corpora: clips by corpus.
        encoders: further sources, in the format of transformers: `hf:ORGANISATION/NAME` or `hf:./FOLDER`.

    Raises:
        SourceError: the weights of a further source are missing.
        RunError: there are weights of none of the sources.

    """
    from emotone.fitting.layer_means import probed_source

    cells: list[AtlasCell] = []
    absent: dict[str, str] = {}
    for name in dict.fromkeys((*SOURCES, *encoders)):
        try:
            source = probed_source(name)
        except SourceError as error:
            if name in encoders:
                raise
            absent[name] = str(error)
            continue
        for corpus, given in corpora.items():
            clips = [clip for clip in given if zlib.crc32(clip.key.encode()) % PARTS.get(corpus, 1) == 0]
            features = source.extract(clips).features
            used = [clip for clip in clips if clip.key in features]
            means = source.split(np.stack([features[clip.key] for clip in used]))
            places = np.linspace(0, 1, len(means)).round(3).tolist() if len(means) > 1 else [0.5]
            for place, (layer, values) in zip(places, means.items(), strict=True):
                cells.append(replace(layer_cell(values, used, corpus=corpus), source=name, layer=layer, place=place))
    if not cells:
        raise RunError(f"the weights of no source are on this machine: {'; '.join(absent.values())}")
    return {"cells": [vars(cell) for cell in cells], "absent": absent}


def layer_cell(values: Array, clips: Sequence[Utterance], *, corpus: str) -> AtlasCell:
    """Return the recall of a linear classifier for speakers that it was not trained on; source and layer are empty.

    Args:
        values: [clips, values].
        clips: with labels and speakers; at least two speakers.
        corpus: their corpus.

    """
    speakers = {clip.speaker_key for clip in clips}
    name = "leave-one-speaker-out" if len(speakers) <= MOST_FOLDS else f"speaker-folds-{FOLDS}"
    labels = tuple(sorted({clip.label for clip in clips}))
    folds = protocol(name).folds(clips, seed=1)
    predicted = np.empty(len(clips), dtype=f"U{max(map(len, labels))}")
    for fold in folds:
        tested, found = _predicted(values, clips, fold, labels=labels)
        predicted[tested] = np.array(labels)[found]
    truth = np.array([clip.label for clip in clips])
    found_score = score_estimate(
        truth,
        predicted,
        np.array([clip.speaker_key for clip in clips]),
        labels=labels,
        metric="uar",
        rng=np.random.default_rng(0),
        replicates=2000,
    )
    value = found_score.value or 0.0
    low, high = (value if end is None else end for end in (found_score.low, found_score.high))
    return AtlasCell(
        corpus=corpus,
        source="",
        layer="",
        place=0.0,
        values=values.shape[1],
        uar=round(value, 4),
        low=round(low, 4),
        high=round(high, 4),
        clips=len(clips),
        speakers=len(speakers),
        labels=len(labels),
    )


def _predicted(
    values: Array, clips: Sequence[Utterance], fold: Fold, *, labels: tuple[str, ...]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which clips a fold tests, and the index of their predicted label."""
    from emotone.fitting.embedding_data import LabelledEmbeddings
    from emotone.fitting.embedding_head import fit_head

    tested = np.isin([clip.key for clip in clips], fold.test)
    train = np.isin([clip.key for clip in clips], (*fold.train, *fold.dev))
    data = LabelledEmbeddings(
        values.astype(np.float64),
        np.array([labels.index(clip.label) for clip in clips], np.int64),
        np.array([clip.corpus for clip in clips]),
        np.array([clip.speaker_key for clip in clips]),
    )
    head = fit_head(data.chosen(train), HEAD, labels=labels, seed=1)
    return tested, head.probabilities(values[tested], temperature=1.0).argmax(axis=1)


def cells_of(data: Mapping[str, Any]) -> tuple[AtlasCell, ...]:
    """Return the cells in the stored data of the atlas."""
    return tuple(AtlasCell(**each) for each in data["cells"])


def atlas_lines(data: Mapping[str, Any]) -> list[str]:
    """Return the table of the atlas as Markdown: a row for each layer, a column for each corpus; the best are bold."""
    cells = cells_of(data)
    corpora = list(dict.fromkeys(cell.corpus for cell in cells))
    by_place = {(cell.source, cell.layer, cell.corpus): cell for cell in cells}
    best = {(corpus, source): _best(cells, corpus, source) for corpus in corpora for source in _sources(cells)}
    rows = []
    for source, layer, values in dict.fromkeys((cell.source, cell.layer, cell.values) for cell in cells):
        texts = []
        for corpus in corpora:
            cell = by_place.get((source, layer, corpus))
            shown = "-" if cell is None else cell.text
            texts.append(f"**{shown}**" if cell is not None and cell == best[corpus, source] else shown)
        rows.append((SOURCES.get(source, source), layer, str(values), *texts))
    counts = {corpus: next(cell for cell in cells if cell.corpus == corpus) for corpus in corpora}
    columns = (
        f"{NAMES.get(corpus, corpus)}, {cell.labels} labels, {cell.clips} clips, {cell.speakers} speakers"
        for corpus, cell in counts.items()
    )
    lines = list(markdown_table(("source", "layer", "values", *columns), rows))
    if data["absent"]:
        lines += ["", f"Without weights, and so not measured: {', '.join(data['absent'])}."]
    return lines


def _sources(cells: Sequence[AtlasCell]) -> list[str]:
    """Return the sources of cells, in the order of their colours: those of emotone first, even without a cell."""
    return list(dict.fromkeys((*SOURCES, *(cell.source for cell in cells))))


def _best(cells: Sequence[AtlasCell], corpus: str, source: str) -> AtlasCell | None:
    return max(
        (cell for cell in cells if (cell.corpus, cell.source) == (corpus, source)),
        key=lambda cell: cell.uar,
        default=None,
    )


def draw_atlas(data: Mapping[str, Any]) -> str:
    """Return the atlas as SVG: a panel for each corpus, a line for each source; equal data give equal bytes."""
    cells = cells_of(data)
    corpora = list(dict.fromkeys(cell.corpus for cell in cells))
    sources = {
        source: number for number, source in enumerate(_sources(cells)) if any(cell.source == source for cell in cells)
    }
    width = max(MIN_WIDTH, LEFT + (PANEL + GAP) * len(corpora))
    title = "Emotion from every layer of published networks, mean over time, new speakers"
    lines = [
        f'<svg xmlns="{XMLNS}" viewBox="0 0 {width} {TOP + HEIGHT + BOTTOM}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}{_colours(0)}@media(prefers-color-scheme:dark){{{DARK}{_colours(1)}}}</style>",
        f'<rect class="back" width="{width}" height="{TOP + HEIGHT + BOTTOM}"/>',
        text_element(16, 24, title, anchor="start", kind="title"),
        *_legend(sources, width),
    ]
    for number, corpus in enumerate(corpora):
        own = [cell for cell in cells if cell.corpus == corpus]
        lines += _panel(LEFT + (PANEL + GAP) * number, own, sources)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(left: int, cells: Sequence[AtlasCell], sources: Mapping[str, int]) -> Iterator[str]:
    """Yield the axes and the lines of one corpus, given the number of each source."""
    yield text_element(left, TOP - 12, NAMES.get(cells[0].corpus, cells[0].corpus), anchor="start", kind="title")
    for tick in range(0, 101, 20):
        y = _height(tick / 100)
        yield f'<path class="grid" d="M{left} {y}h{PANEL}"/>'
        yield text_element(left - 6, y + 4, str(tick), anchor="end")
    yield f'<path class="chance" d="M{left} {_height(1 / cells[0].labels)}h{PANEL}"/>'
    yield text_element(left, TOP + HEIGHT + 18, "first layer", anchor="start")
    yield text_element(left + PANEL, TOP + HEIGHT + 18, "last layer", anchor="end")
    if left == LEFT:
        scale = "recall x 100 and 95 % intervals; dashed: chance"
        yield text_element(left, TOP + HEIGHT + 38, scale, anchor="start")
    for source, number in sources.items():
        own = [cell for cell in cells if cell.source == source]
        kind, style = _line(number)
        places = [(round(left + 6 + (PANEL - 12) * cell.place, 1), cell) for cell in own]
        points = " L".join(f"{x} {_height(cell.uar)}" for x, cell in places)
        yield f'<path class="{kind}" fill="none" style="fill:none" stroke-width="2"{style} d="M{points}"/>'
        for x, cell in places:
            tip = escape(f"{SOURCES.get(source, source)}, {cell.layer}: {cell.text}")
            bar = f'<path class="{kind}" stroke-opacity="0.4" d="M{x} {_height(cell.low)}V{_height(cell.high)}"/>'
            mark = f'<circle class="{kind}" cx="{x}" cy="{_height(cell.uar)}" r="3"/>'
            yield f"<g><title>{tip}</title>{bar}{mark}</g>"


def _legend(sources: Mapping[str, int], width: int) -> Iterator[str]:
    columns = max(1, (width - 32) // 270)
    for place, (source, number) in enumerate(sources.items()):
        x, y = 20 + 270 * (place % columns), 48 + 20 * (place // columns)
        kind, style = _line(number)
        yield f'<path class="{kind}" stroke-width="2"{style} d="M{x} {y - 4}h28"/>'
        yield text_element(x + 36, y, SOURCES.get(source, source), anchor="start")


def _line(number: int) -> tuple[str, str]:
    """Return the class of a source's colour, and the attribute of its dashes; further sources repeat the colours."""
    dash = DASHES[number] if number < len(DASHES) else FURTHER_DASHES
    return f"s{number % len(COLOURS)}", f' stroke-dasharray="{dash}"' if dash else ""


def _colours(theme: int) -> str:
    return "".join(f".s{number}{{fill:{one[theme]};stroke:{one[theme]}}}" for number, one in enumerate(COLOURS))


def _height(share: float) -> float:
    return round(TOP + HEIGHT * (1 - share), 1)


ATLAS = PublishedFigure(
    "atlas",
    "which layer of which network carries emotion",
    (),
    compute_atlas,
    draw_atlas,
    any_of=("emodb", "ravdess", "savee", "emovo", "nemo"),
    compute_with=compute_atlas,
)
