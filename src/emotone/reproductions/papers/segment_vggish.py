"""Emotion of one-second segments by transfer from AudioSet, and what clips are by them: published beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from emotone.reproductions.base import Cell, Paper, Table
from emotone.scoring.segments import ABSOLUTE, AVERAGE, BEST, SEGMENT, STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.reproductions.base import Changes

Means: TypeAlias = tuple[tuple[float, float], ...]

METRICS = {"SA": SEGMENT, "ACA": ABSOLUTE, "SCA": STANDARD, "ALCA": AVERAGE, "BCA": BEST}
SEGMENTATIONS: dict[str, Changes] = {"non-overlapping": (("windows.hop", 1.0),), "overlapping": ()}
UNITS: dict[int, Changes] = {100: (("net.hidden", 100),), 200: (), 400: (("net.hidden", 400),)}

# Mean and deviation over six trainings on IEMOCAP, in the order of METRICS.
PUBLISHED3: dict[str, Means] = {
    "non-overlapping": ((0.564, 0.006), (0.196, 0.010), (0.559, 0.009), (0.668, 0.014), (0.707, 0.011)),
    "overlapping": ((0.561, 0.011), (0.125, 0.010), (0.621, 0.019), (0.687, 0.019), (0.703, 0.017)),
}
PUBLISHED4: dict[int, Means] = {
    100: ((0.560, 0.012), (0.132, 0.012), (0.616, 0.017), (0.684, 0.020), (0.703, 0.013)),
    200: PUBLISHED3["overlapping"],
    400: ((0.559, 0.017), (0.131, 0.010), (0.617, 0.022), (0.674, 0.018), (0.699, 0.020)),
}
BASELINE = "baseline, {} layers of {} units"
PUBLISHED5 = {BASELINE.format(2, 200): 0.511, "VGGish, non-overlapping": 0.668, "VGGish, overlapping": 0.687}
CITED = {  # of other publications, as Table 5 has them; sound or, where it says so, words
    "ARE": 0.546,
    "ACNN": 0.561,
    "Ensemble": 0.562,
    "audio-BRE": 0.646,
    "Ensemble (words)": 0.631,
    "TRE (words)": 0.635,
}
# Of the confusion matrices in Figure 3 the text says these: (truth, prediction) -> percent of the truth's.
FIGURE3 = {
    "non-overlapping": {("anger", "anger"): 56.9, ("anger", "happiness"): 26.72, ("neutral", "neutral"): 60.84},
    "overlapping": {("anger", "anger"): 66.39, ("neutral", "neutral"): 71.25},
}

PAPERS_OWN, FREE = "iemocap", ("emodb", "ravdess", "savee", "emovo", "nemo")
QUICK = {"emodb", "savee"}
ALL = {"emodb": "emodb", "ravdess": "ravdess", "savee": "seven", "emovo": "seven", "nemo": "nemo"}
"""Corpus -> its whole label set; the paper's four emotions are the set "four"."""
RANDOM, SPEAKERS, EVERY = "random clips", "new speakers", "every speaker once new"
DIVISIONS = {RANDOM: "random-8-1-1", SPEAKERS: "speakers-8-1-1", EVERY: "leave-one-speaker-out"}

BASELINES: dict[str, Changes] = {
    BASELINE.format(2, 200): (),
    **{
        BASELINE.format(depth, units): (("net.depth", depth), ("net.units", units))
        for depth in (2, 3, 4)
        for units in (100, 200)
        if (depth, units) != (2, 200)
    },
}
"""The paper tries all of these and prints its best, with 2 layers of 200 units."""
PADDED: Changes = (("front_end.pads_end", True), ("net.rows", 100))
SPOKEN: Changes = (("windows.speech_only", True), ("training.speech_only", True))
LEARNED: dict[str, Changes] = {
    "their mean": (),
    "attention": (("net.pool", "attention"),),
    "gated attention": (("net.pool", "gated-attention"),),
    "log-sum-exp": (("net.pool", "log-sum-exp"),),
    "their mean, speech alone": (("net.placed", "speech"),),
    "their mean, valleys": (("net.placed", "valleys"),),
    "their mean, change points": (("net.placed", "changes"),),
}
"""How the logits of seconds are pooled, and where segments lie unless it is every half second."""
MODELS: dict[str, tuple[str, Changes]] = {
    **{name: ("segment-baseline", changes) for name, changes in BASELINES.items()},
    "VGGish, non-overlapping": ("segment-vggish", SEGMENTATIONS["non-overlapping"]),
    "VGGish, overlapping": ("segment-vggish", ()),
    "YAMNet as it is, non-overlapping": ("segment-yamnet", SEGMENTATIONS["non-overlapping"]),
    "YAMNet as it is, overlapping": ("segment-yamnet", ()),
    "YAMNet as it is, overlapping, with speech": ("segment-yamnet", SPOKEN),
    "YAMNet fine-tuned, overlapping": ("segment-yamnet-fine-tuned", ()),
    "YAMNet fine-tuned at 1e-4, overlapping": ("segment-yamnet-fine-tuned-1e-4", ()),
    "mn04 as it is, overlapping": ("segment-mn04", ()),
    "mn04 as it is, overlapping, the last padded": ("segment-mn04", PADDED),
    "mn04 as it is, overlapping, with speech": ("segment-mn04", SPOKEN),
    "mn04 fine-tuned, overlapping": ("segment-mn04-fine-tuned", ()),
    "mn04 fine-tuned at 1e-4, overlapping": ("segment-mn04-fine-tuned-1e-4", ()),
    **{f"mn04 as it is, clips learned by {how}": ("segment-pool", changes) for how, changes in LEARNED.items()},
}
"""Table 5's own systems, those whose weights are easier to come by, and what goes beyond it -> recipe and changes."""
WHOLE = {name for name, (recipe, _) in MODELS.items() if recipe == "segment-vggish" or "-fine-tuned" in recipe}
"""Systems that learn on in every layer: minutes of training each, if not hours."""
HOURS = {name for name in WHOLE if not MODELS[name][0].endswith("-1e-4")}
"""Those of the paper's rate, which are not trained once for every speaker."""


def _five(
    setting: str, corpus: str, *, recipe: str, changes: Changes, division: str, labels: str, published: Means = ()
) -> Iterator[Cell]:
    """Give the five accuracies of one run; `published` holds means and deviations in their order, or nothing."""
    means: list[float | None] = [mean for mean, _ in published]
    for (column, metric), mean in zip(METRICS.items(), means or [None] * len(METRICS), strict=True):
        yield Cell(
            setting=setting,
            column=column,
            corpus=corpus,
            metric=metric,
            published=mean,
            recipe=recipe,
            labels=labels,
            protocol=DIVISIONS[division],
            quick=corpus in QUICK and labels == "four",
            changes=changes,
        )


def _segmentations() -> Iterator[Cell]:
    for segmentation, changes in SEGMENTATIONS.items():
        yield from _five(
            f"VGGish, {segmentation}, four emotions, {RANDOM}",
            PAPERS_OWN,
            recipe="segment-vggish",
            changes=changes,
            division=RANDOM,
            labels="four",
            published=PUBLISHED3[segmentation],
        )
    for corpus in FREE:
        for words, labels in (("four emotions", "four"), ("all emotions", ALL[corpus])):
            for division in (RANDOM, SPEAKERS):
                for segmentation, changes in SEGMENTATIONS.items():
                    yield from _five(
                        f"YAMNet, {segmentation}, {words}, {division}",
                        corpus,
                        recipe="segment-yamnet",
                        changes=changes,
                        division=division,
                        labels=labels,
                    )


def _units() -> Iterator[Cell]:
    for units, changes in UNITS.items():
        yield from _five(
            f"VGGish, N = {units}, {RANDOM}",
            PAPERS_OWN,
            recipe="segment-vggish",
            changes=changes,
            division=RANDOM,
            labels="four",
            published=PUBLISHED4[units],
        )
    for corpus in FREE:
        for division in (RANDOM, SPEAKERS):
            for units, changes in UNITS.items():
                yield from _five(
                    f"YAMNet, N = {units}, {division}",
                    corpus,
                    recipe="segment-yamnet",
                    changes=changes,
                    division=division,
                    labels="four",
                )


def _models() -> Iterator[Cell]:
    for corpus in (PAPERS_OWN, *FREE):
        for model, (recipe, changes) in MODELS.items():
            for division, protocol in DIVISIONS.items():
                if division == EVERY and model in HOURS:
                    continue
                of_paper = corpus == PAPERS_OWN and division == RANDOM
                yield Cell(
                    setting=model,
                    column=division,
                    corpus=corpus,
                    metric=AVERAGE,
                    published=PUBLISHED5.get(model) if of_paper else None,
                    recipe=recipe,
                    labels="four",
                    protocol=protocol,
                    quick=corpus in QUICK and division != EVERY and model not in WHOLE,
                    changes=changes,
                )


_ALIKE = (
    "Segments of 1 s, the last padded with silence, every 1 s or every 0.5 s (overlapping); a classifier with N units, "
    "200 unless it says otherwise. As published it stands on VGGish, learns on in all layers, and shares speakers "
    "between training and test parts (random clips). VGGish's weights have to be given, and IEMOCAP needs a licence; "
    "where they are lacking the same is done with YAMNet, which learned from the same sounds, as it is: only the "
    "classifier learns."
)

TABLE3 = Table(
    name="table3",
    title="Overlapping and non-overlapping segments",
    source="Table 3 of the paper",
    note=_ALIKE,
    tolerance=0.02,
    runs="runs",
    cells=tuple(_segmentations()),
)
TABLE4 = Table(
    name="table4",
    title="Units of the classifier, on overlapping segments",
    source="Table 4 of the paper",
    note=_ALIKE,
    tolerance=0.02,
    runs="runs",
    cells=tuple(_units()),
)
TABLE5 = Table(
    name="table5",
    title="Systems beside each other: accuracy of clips by the mean logits of their segments",
    source=f"Table 5 of the paper, which also cites {', '.join(f'{name} {value}' for name, value in CITED.items())}",
    note=(
        f"{_ALIKE} Fine-tuned, every layer learns: at 1e-6 as published, which takes hours, or at "
        "1e-4. The baseline is a network with two hidden layers of 200 units on the spectrogram, on "
        "non-overlapping segments: the best that the paper tried; the others that it tried stand beside it. With a "
        "tenth of the speakers in the test part, that is one speaker of most corpora, whose score is hardly more than "
        "an anecdote: the last column tests every speaker once. With speech, seconds that hold less than 0.2 s of it "
        "are neither learned nor judged. Where clips are learned, the logits of their seconds are pooled before the "
        "loss, by the mean, by an attention that is learned too, or by the logarithm of the mean "
        "of their exponentials. Speech alone is what lies between the first and the last row within 25 dB of the "
        "loudest; with valleys, seconds begin where it is quietest within a quarter of a second; with change points, a "
        "segment is as long as what mn04 makes of its seconds stays alike."
    ),
    tolerance=0.02,
    runs="runs",
    cells=tuple(_models()),
)

PAPER = Paper(
    key="segment-vggish",
    title="A Segment Level Approach to Speech Emotion Recognition using Transfer Learning",
    citation=(
        "S. Sahoo, P. Kumar, B. Raman, P. P. Roy: A Segment Level Approach to Speech Emotion Recognition using "
        "Transfer Learning. ACPR 2019, LNCS 12047, Springer 2020"
    ),
    tables=(TABLE3, TABLE4, TABLE5),
)
