"""Tables 3 to 5 of the paper on segments of one second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from emotone.reproductions.base import Cell, Heading, Paper, PublishedTable
from emotone.reproductions.papers.segment_vggish import published
from emotone.reproductions.papers.segment_vggish.systems import NON_OVERLAPPING, SYSTEMS
from emotone.scoring.segments import ABSOLUTE, AVERAGE, BEST, SEGMENT, STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.reproductions.base import Changes
    from emotone.reproductions.papers.segment_vggish.published import Means

Split: TypeAlias = Literal["random", "speakers", "loso"]
LabelSet: TypeAlias = Literal["four", "all"]

METRICS = {"SA": SEGMENT, "ACA": ABSOLUTE, "SCA": STANDARD, "ALCA": AVERAGE, "BCA": BEST}
SEGMENTATIONS: dict[str, Changes] = {"non-overlapping": NON_OVERLAPPING, "overlapping": ()}
UNITS: dict[int, Changes] = {100: (("net.hidden", 100),), 200: (), 400: (("net.hidden", 400),)}
PAPERS_NET, FREE_NET = ("vggish", "segment-vggish"), ("yamnet", "segment-yamnet")
PAPERS_CORPUS, FREE = "iemocap", ("emodb", "ravdess", "savee", "emovo", "nemo")
QUICK_CORPORA = ("emodb", "savee")
ALL_LABELS = {"emodb": "emodb", "ravdess": "ravdess", "savee": "seven", "emovo": "seven", "nemo": "nemo"}
"""Corpus -> label set with all its emotions; the paper's four emotions are the label set "four"."""
SPLITS: dict[Split, tuple[str, str]] = {
    "random": ("random split", "random-8-1-1"),
    "speakers": ("speaker-independent split", "speakers-8-1-1"),
    "loso": ("leave-one-speaker-out", "leave-one-speaker-out"),
}
"""Split -> title and protocol."""
TWO_SPLITS: tuple[Split, Split] = ("random", "speakers")

_TITLES = {"vggish": "VGGish", "yamnet": "YAMNet", "four": "four emotions", "all": "all emotions"}


def segmentation_row(net: str, segmentation: str, labels: LabelSet, split: Split) -> Heading:
    """Return the heading of a row of Table 3."""
    title = f"{_TITLES[net]}, {segmentation}, {_TITLES[labels]}, {SPLITS[split][0]}"
    return Heading(f"{net}-{segmentation}-{labels}-{split}", title)


def units_row(net: str, units: int, split: Split) -> Heading:
    """Return the heading of a row of Table 4."""
    return Heading(f"{net}-{units}-{split}", f"{_TITLES[net]}, N = {units}, {SPLITS[split][0]}")


def _accuracies(
    row: Heading,
    corpus: str,
    *,
    recipe: str,
    changes: Changes,
    split: Split,
    labels: str,
    published_means: Means = (),
) -> Iterator[Cell]:
    """Yield the five accuracies of one run; `published_means` contains their means and deviations, or nothing."""
    means: list[float | None] = [mean for mean, _ in published_means]
    for (column, metric), mean in zip(METRICS.items(), means or [None] * len(METRICS), strict=True):
        yield Cell(
            row=row,
            column=Heading(column.lower(), column),
            corpus=corpus,
            metric=metric,
            published=mean,
            recipe=recipe,
            labels=labels,
            protocol=SPLITS[split][1],
            quick=corpus in QUICK_CORPORA and labels == "four",
            changes=changes,
        )


def _table3() -> Iterator[Cell]:
    net, recipe = PAPERS_NET
    for segmentation, changes in SEGMENTATIONS.items():
        yield from _accuracies(
            segmentation_row(net, segmentation, "four", "random"),
            PAPERS_CORPUS,
            recipe=recipe,
            changes=changes,
            split="random",
            labels="four",
            published_means=published.TABLE3[segmentation],
        )
    net, recipe = FREE_NET
    label_sets: tuple[LabelSet, LabelSet] = ("four", "all")
    for corpus in FREE:
        for labels in label_sets:
            for split in TWO_SPLITS:
                for segmentation, changes in SEGMENTATIONS.items():
                    yield from _accuracies(
                        segmentation_row(net, segmentation, labels, split),
                        corpus,
                        recipe=recipe,
                        changes=changes,
                        split=split,
                        labels="four" if labels == "four" else ALL_LABELS[corpus],
                    )


def _table4() -> Iterator[Cell]:
    net, recipe = PAPERS_NET
    for units, changes in UNITS.items():
        yield from _accuracies(
            units_row(net, units, "random"),
            PAPERS_CORPUS,
            recipe=recipe,
            changes=changes,
            split="random",
            labels="four",
            published_means=published.TABLE4[units],
        )
    net, recipe = FREE_NET
    for corpus in FREE:
        for split in TWO_SPLITS:
            for units, changes in UNITS.items():
                yield from _accuracies(
                    units_row(net, units, split), corpus, recipe=recipe, changes=changes, split=split, labels="four"
                )


def _table5() -> Iterator[Cell]:
    for corpus in (PAPERS_CORPUS, *FREE):
        for system in SYSTEMS:
            for split, (title, protocol) in SPLITS.items():
                if split == "loso" and system.is_slow:
                    continue  # a training of hours for every speaker
                is_published = corpus == PAPERS_CORPUS and split == "random"
                yield Cell(
                    row=system.row,
                    column=Heading(split, title),
                    corpus=corpus,
                    metric=AVERAGE,
                    published=published.TABLE5.get(system.row.id) if is_published else None,
                    recipe=system.recipe,
                    labels="four",
                    protocol=protocol,
                    quick=corpus in QUICK_CORPORA and split != "loso" and not system.trains_all,
                    changes=system.changes,
                )


_NOTE = (
    "Segments of 1 s start every 1 s or every 0.5 s (overlapping); the last one is padded with silence. The classifier "
    "has N units, 200 by default. In the paper, VGGish is fine-tuned in all layers, and training and test parts share "
    "speakers (random split). VGGish's weights and IEMOCAP are not openly available; without them, the experiment uses "
    "YAMNet, which was trained on the same data (AudioSet): YAMNet is frozen, and only the classifier is trained."
)
_CITED = ", ".join(f"{name} {value}" for name, value in published.CITED.items())

TABLE3 = PublishedTable(
    name="table3",
    title="Overlapping and non-overlapping segments",
    source="Table 3 of the paper",
    note=_NOTE,
    tolerance=0.02,
    cells=tuple(_table3()),
)
TABLE4 = PublishedTable(
    name="table4",
    title="Units of the classifier, on overlapping segments",
    source="Table 4 of the paper",
    note=_NOTE,
    tolerance=0.02,
    cells=tuple(_table4()),
)
TABLE5 = PublishedTable(
    name="table5",
    title="Systems: clip accuracy by the mean logits of segments",
    source=f"Table 5 of the paper, which also cites {_CITED}",
    note=(
        f"{_NOTE} Fine-tuning trains every layer, at 1e-6 as in the paper, which takes hours, or at 1e-4. The baseline "
        "is a network on the spectrogram with two hidden layers of 200 units, on non-overlapping segments: the best "
        "that the paper tried; the other ones are listed too. The test part of a speaker-independent split is a tenth "
        "of the speakers, which is a single speaker of most corpora, so its score has little weight; "
        "leave-one-speaker-out tests every speaker once. 'Speech only' excludes segments with less than 0.2 s of "
        "speech from training and test. At clip level, the logits of the segments are pooled before the loss: by their "
        "mean, by attention with trained weights, or by the logarithm of the mean of their exponentials. The speech "
        "range is the part between the first and the last frame within 25 dB of the loudest. Energy minima are the "
        "quietest places within a quarter of a second of the regular starts. With change points, segments have "
        "variable lengths: a segment ends where the embeddings of mn04 change."
    ),
    tolerance=0.02,
    cells=tuple(_table5()),
)

PAPER = Paper(
    key="segment-vggish",
    title=published.TITLE,
    citation=published.CITATION,
    tables=(TABLE3, TABLE4, TABLE5),
)
