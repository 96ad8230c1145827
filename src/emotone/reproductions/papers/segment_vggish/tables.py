"""Tables 3 to 5 of the paper on segments of one second: published numbers, and the systems of Table 5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from emotone.reproductions.base import Cell, Heading, Paper, PublishedTable
from emotone.scoring.segments import ABSOLUTE, AVERAGE, BEST, SEGMENT, STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.reproductions.base import Changes

Means: TypeAlias = tuple[tuple[float, float], ...]
"""Mean and standard deviation of SA, ACA, SCA, ALCA and BCA."""

TITLE = "A Segment Level Approach to Speech Emotion Recognition using Transfer Learning"
CITATION = (
    "S. Sahoo, P. Kumar, B. Raman, P. P. Roy: A Segment Level Approach to Speech Emotion Recognition using Transfer "
    "Learning. ACPR 2019, LNCS 12047, Springer 2020"
)

PUBLISHED_TABLE1: dict[str, tuple[float, float, float]] = {
    "clips or segments": (5531, 27935, 51180),
    "anger": (19.94, 19.80, 19.75),
    "happiness": (29.58, 30.04, 30.06),
    "sadness": (19.60, 23.25, 23.76),
    "neutral": (30.88, 26.91, 26.44),
}
"""IEMOCAP's clips, non-overlapping and overlapping segments of the four emotions: their number, and percent of each."""
PUBLISHED_TABLE3: dict[str, Means] = {
    "non-overlapping": ((0.564, 0.006), (0.196, 0.010), (0.559, 0.009), (0.668, 0.014), (0.707, 0.011)),
    "overlapping": ((0.561, 0.011), (0.125, 0.010), (0.621, 0.019), (0.687, 0.019), (0.703, 0.017)),
}
"""By segmentation."""
PUBLISHED_TABLE4: dict[int, Means] = {
    100: ((0.560, 0.012), (0.132, 0.012), (0.616, 0.017), (0.684, 0.020), (0.703, 0.013)),
    200: PUBLISHED_TABLE3["overlapping"],
    400: ((0.559, 0.017), (0.131, 0.010), (0.617, 0.022), (0.674, 0.018), (0.699, 0.020)),
}
"""By the number of units of the classifier."""
PUBLISHED_TABLE5 = {"baseline-2-200": 0.511, "vggish-non-overlapping": 0.668, "vggish-overlapping": 0.687}
"""ALCA by row id."""
CITED = {
    "ARE": 0.546,
    "ACNN": 0.561,
    "Ensemble": 0.562,
    "audio-BRE": 0.646,
    "Ensemble (text)": 0.631,
    "TRE (text)": 0.635,
}
"""Accuracies of other publications in Table 5, from audio unless marked."""
FIGURE3 = {
    "non-overlapping": {("anger", "anger"): 56.9, ("anger", "happiness"): 26.72, ("neutral", "neutral"): 60.84},
    "overlapping": {("anger", "anger"): 66.39, ("neutral", "neutral"): 71.25},
}
"""Cells of the confusion matrices that the text quotes: (truth, prediction) -> percent of the truth's clips."""


NON_OVERLAPPING: Changes = (("windows.hop", 1.0),)
SPEECH_ONLY: Changes = (("windows.speech_only", True), ("training.speech_only", True))
PADDED: Changes = (("front_end.pads_end", True), ("net.rows", 100))
BASELINE_DEPTHS, BASELINE_UNITS = (2, 3, 4), (100, 200)  # the paper tries all, and prints 2 layers of 200 units


@dataclass(frozen=True)
class System:
    """A row of Table 5.

    Attributes:
        row: heading.
        recipe: name of a shipped recipe.
        changes: settings that differ from it.
        trains_all: whether every layer is trained, which takes minutes or hours.
        is_slow: whether the learning rate is the paper's, which takes hours.

    """

    row: Heading
    recipe: str
    changes: Changes = ()
    trains_all: bool = False
    is_slow: bool = False


def _baseline(depth: int, units: int) -> System:
    changes: Changes = () if (depth, units) == (2, 200) else (("net.depth", depth), ("net.units", units))
    row = Heading(f"baseline-{depth}-{units}", f"baseline, {depth} layers of {units} units")
    return System(row, "segment-baseline", changes)


def _clip_level(pooling: str, title: str, changes: Changes = ()) -> System:
    return System(Heading(f"clip-{pooling}", f"mn04, frozen, clip level, {title}"), "segment-pool", changes)


_BASELINES = [_baseline(depth, units) for depth in BASELINE_DEPTHS for units in BASELINE_UNITS]
CLIP_LEVEL = (
    _clip_level("mean", "mean logits"),
    _clip_level("attention", "attention pooling", (("net.pooling", "attention"),)),
    _clip_level("gated-attention", "gated attention pooling", (("net.pooling", "gated-attention"),)),
    _clip_level("log-sum-exp", "log-sum-exp pooling", (("net.pooling", "log-sum-exp"),)),
    _clip_level("mean-speech", "mean logits, speech range", (("net.placement", "speech"),)),
    _clip_level("mean-valleys", "mean logits, segments at energy minima", (("net.placement", "valleys"),)),
    _clip_level("mean-changes", "mean logits, segments at change points", (("net.placement", "changes"),)),
)
"""Systems whose loss is that of the clip: the pooling of segment logits, and the placement of segments."""
SYSTEMS = (
    *sorted(_BASELINES, key=lambda system: bool(system.changes)),  # the published one first
    System(
        Heading("vggish-non-overlapping", "VGGish, fine-tuned, non-overlapping"),
        "segment-vggish",
        NON_OVERLAPPING,
        trains_all=True,
        is_slow=True,
    ),
    System(
        Heading("vggish-overlapping", "VGGish, fine-tuned, overlapping"),
        "segment-vggish",
        trains_all=True,
        is_slow=True,
    ),
    System(Heading("yamnet-non-overlapping", "YAMNet, frozen, non-overlapping"), "segment-yamnet", NON_OVERLAPPING),
    System(Heading("yamnet-overlapping", "YAMNet, frozen, overlapping"), "segment-yamnet"),
    System(
        Heading("yamnet-overlapping-speech", "YAMNet, frozen, overlapping, speech only"),
        "segment-yamnet",
        SPEECH_ONLY,
    ),
    System(
        Heading("yamnet-fine-tuned-1e-6", "YAMNet, fine-tuned at 1e-6, overlapping"),
        "segment-yamnet-fine-tuned",
        trains_all=True,
        is_slow=True,
    ),
    System(
        Heading("yamnet-fine-tuned-1e-4", "YAMNet, fine-tuned at 1e-4, overlapping"),
        "segment-yamnet-fine-tuned-1e-4",
        trains_all=True,
    ),
    System(Heading("mn04-overlapping", "mn04, frozen, overlapping"), "segment-mn04"),
    System(
        Heading("mn04-overlapping-padded", "mn04, frozen, overlapping, last segment padded"), "segment-mn04", PADDED
    ),
    System(Heading("mn04-overlapping-speech", "mn04, frozen, overlapping, speech only"), "segment-mn04", SPEECH_ONLY),
    System(
        Heading("mn04-fine-tuned-1e-6", "mn04, fine-tuned at 1e-6, overlapping"),
        "segment-mn04-fine-tuned",
        trains_all=True,
        is_slow=True,
    ),
    System(
        Heading("mn04-fine-tuned-1e-4", "mn04, fine-tuned at 1e-4, overlapping"),
        "segment-mn04-fine-tuned-1e-4",
        trains_all=True,
    ),
    *CLIP_LEVEL,
)
COMPARED = (
    ("baseline-2-200", "yamnet-non-overlapping"),
    ("yamnet-overlapping", "yamnet-fine-tuned-1e-4"),
    ("yamnet-overlapping", "yamnet-overlapping-speech"),
    ("yamnet-overlapping", "mn04-overlapping"),
    ("mn04-overlapping", "mn04-fine-tuned-1e-4"),
    ("mn04-overlapping", "mn04-overlapping-speech"),
    ("mn04-overlapping", "mn04-overlapping-padded"),
    ("mn04-overlapping-padded", "clip-mean"),
    *(("clip-mean", system.row.id) for system in CLIP_LEVEL if system.row.id != "clip-mean"),
)
"""Pairs of row ids that differ in one setting; the page tests the second against the first."""


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
            published_means=PUBLISHED_TABLE3[segmentation],
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
            published_means=PUBLISHED_TABLE4[units],
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
                    published=PUBLISHED_TABLE5.get(system.row.id) if is_published else None,
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
_CITED = ", ".join(f"{name} {value}" for name, value in CITED.items())

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
    title=TITLE,
    citation=CITATION,
    tables=(TABLE3, TABLE4, TABLE5),
)
