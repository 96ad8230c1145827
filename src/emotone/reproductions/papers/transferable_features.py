"""Features learned on many corpora and taken over by one: four published tables beside ours, on the same protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from emotone.reproductions.base import Cell, Paper, Table
from emotone.reproductions.transferable_beyond import BEYOND
from emotone.scoring.scores import FOLD_MEAN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.reproductions.base import Changes

Numbers: TypeAlias = tuple[float | None, ...]

DOMAINS = ("afew", "emodb", "emovo", "enterface", "iemocap", "rml")
"""The paper's corpora, of which four need a licence."""
FREE = ("emodb", "emovo", "savee", "ravdess", "nemo")
"""Corpora that can be had freely."""
APPROACHES = ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8")
SCENARIOS = ("S1", "S2")
SETTINGS = tuple(f"{scenario}-{approach}" for scenario in SCENARIOS for approach in APPROACHES)
ABLATED = tuple(setting for setting in SETTINGS if setting[-1] in "1234")  # Table 4 leaves A5 to A8 out
BEST = "S1-A2"  # on average, by the paper

SYSTEMS = {"SVM-IS": "is10-rbf-svm", "CNN": "multidomain", "CNN+LSTM": "multidomain"}
WITHOUT_LSTM: Changes = (("name", "multidomain-cnn"), ("net.lstm", False))

# Table 2: UAR in the order of SYSTEMS, all corpora pooled.
POOLED = {
    "afew": (0.333, 0.344, 0.338),
    "emodb": (0.645, 0.622, 0.659),
    "emovo": (0.411, 0.440, 0.459),
    "enterface": (0.456, 0.419, 0.454),
    "iemocap": (0.719, 0.673, 0.684),
    "rml": (0.482, 0.581, 0.631),
}
# Table 3: UAR of training on the target alone (TT), and gains over it, (UAR - TT) / TT, in the order of APPROACHES.
ALONE = {"afew": 0.288, "emodb": 0.614, "emovo": 0.518, "enterface": 0.441, "iemocap": 0.682, "rml": 0.623}
GAINS: dict[str, dict[str, tuple[float, ...]]] = {
    "S1": {
        "afew": (0.121, 0.101, 0.047, 0.120, 0.115, 0.045, 0.121, 0.116),
        "emodb": (0.047, 0.117, 0.088, 0.051, 0.052, 0.102, 0.057, 0.086),
        "emovo": (-0.095, 0.053, 0.014, -0.061, -0.089, -0.071, 0.034, 0.014),
        "enterface": (0.032, 0.133, 0.114, 0.061, 0.032, 0.153, 0.087, 0.045),
        "iemocap": (0.004, 0.004, -0.002, -0.009, -0.003, 0.003, 0.017, 0.017),
        "rml": (-0.014, 0.032, 0.041, 0.005, -0.002, 0.073, 0.035, 0.028),
    },
    "S2": {
        "afew": (0.042, 0.015, 0.024, 0.052, 0.019, 0.007, 0.103, 0.029),
        "emodb": (-0.365, 0.093, 0.064, 0.083, 0.050, 0.068, 0.065, 0.083),
        "emovo": (-0.372, 0.093, 0.109, -0.060, -0.041, -0.044, 0.008, -0.017),
        "enterface": (-0.353, 0.027, -0.015, -0.016, -0.034, 0.002, -0.026, -0.037),
        "iemocap": (-0.363, 0.003, -0.015, -0.016, -0.034, 0.003, -0.026, -0.035),
        "rml": (-0.518, 0.074, 0.062, -0.085, -0.145, 0.054, -0.087, -0.143),
    },
}
AVERAGE = {
    "S1": (0.016, 0.073, 0.050, 0.028, 0.017, 0.051, 0.058, 0.053),
    "S2": (-0.321, 0.051, 0.038, -0.007, -0.031, 0.015, 0.006, -0.020),
}
# Table 4: UAR in the order of ABLATED, by target and by the corpus that pre-training does without; "" is none. None,
# or no row, stands where the copy of the paper that was read is illegible or contradicts itself.
ALL = ""
ABLATION: dict[tuple[str, str], Numbers] = {
    ("afew", ALL): (0.323, 0.317, 0.301, 0.322, 0.300, 0.292, 0.295, 0.303),
    ("emodb", ALL): (0.643, 0.685, 0.668, 0.645, 0.389, 0.671, 0.653, 0.665),
    ("emodb", "afew"): (0.725, 0.830, 0.835, 0.843, 0.397, 0.652, 0.644, 0.648),
    ("emodb", "emovo"): (0.688, 0.792, 0.789, 0.786, 0.382, None, 0.658, 0.638),
    ("emodb", "iemocap"): (0.798, 0.856, 0.840, 0.824, 0.372, 0.653, None, 0.660),
    ("emodb", "rml"): (0.692, 0.762, 0.748, 0.778, 0.401, 0.655, 0.658, 0.683),
    ("emovo", ALL): (0.469, 0.545, 0.525, None, 0.325, 0.566, 0.574, 0.487),
    ("emovo", "emodb"): (0.566, 0.664, 0.675, 0.664, 0.320, 0.567, 0.549, 0.528),
    ("emovo", "rml"): (0.544, 0.631, 0.648, 0.611, 0.309, 0.560, 0.563, 0.547),
    ("enterface", ALL): (0.455, 0.500, None, None, None, None, None, None),
    ("enterface", "rml"): (0.624, 0.625, 0.639, 0.674, 0.233, 0.471, 0.472, None),
    ("iemocap", ALL): (0.685, 0.685, 0.681, 0.676, 0.441, 0.684, 0.672, 0.671),
    ("iemocap", "afew"): (0.780, 0.762, 0.771, 0.783, 0.470, 0.688, 0.671, 0.656),
    ("iemocap", "emodb"): (0.739, 0.722, 0.737, 0.741, 0.435, 0.686, 0.669, 0.649),
    ("iemocap", "rml"): (0.755, 0.735, 0.746, 0.764, 0.459, 0.671, 0.681, 0.659),
    ("rml", ALL): (0.615, 0.643, 0.649, 0.626, 0.301, 0.669, 0.662, 0.570),
    ("rml", "afew"): (0.470, 0.715, 0.744, 0.722, 0.318, 0.656, 0.644, 0.562),
    ("rml", "emodb"): (0.503, 0.709, 0.714, 0.663, 0.297, 0.650, 0.664, None),
    ("rml", "emovo"): (0.468, 0.690, 0.704, None, 0.287, 0.653, 0.653, 0.555),
    ("rml", "enterface"): (0.471, 0.710, 0.707, 0.687, 0.302, 0.648, 0.660, 0.557),
    ("rml", "iemocap"): (0.543, 0.736, None, 0.693, 0.298, 0.656, 0.656, 0.533),
}
# Table 5: UAR of the adaptive support vector machine and of the best of all CNN+LSTM.
ADAPTIVE = {
    "afew": (0.539, 0.625),
    "emodb": (0.797, 0.856),
    "emovo": (0.692, 0.735),
    "enterface": (0.634, 0.751),
    "iemocap": (0.751, 0.783),
    "rml": (0.721, 0.760),
}

RANDOM, SPEAKERS, QUICK = "random folds", "new speakers", "one random division"
POOLS = {"the paper's corpora": DOMAINS, "free corpora": FREE}
PAPERS_OWN, OURS = POOLS
QUICK_TARGETS, QUICK_SETTINGS = ("emodb", "savee"), ("S1-A2", "S2-A2")
PROTOCOLS = {RANDOM: "random-5", SPEAKERS: "speaker-folds-5", QUICK: "random-80-0-20"}
FEW_SPEAKERS = {"savee"}  # fewer than folds: one speaker after the other


def divided(division: str, target: str = "") -> str:
    """Return the protocol of a column, for a target alone."""
    if division == SPEAKERS and target in FEW_SPEAKERS:
        return "leave-one-speaker-out"
    return PROTOCOLS[division]


def staged(setting: str, *, without: str = ALL) -> Changes:
    """Return what a setting such as "S1-A2" changes in the recipe `multidomain-onto`."""
    scenario, approach = setting.split("-")
    changes: Changes = (
        ("name", f"multidomain-{setting.lower()}" + (f"-without-{without}" if without else "")),
        ("pretraining.scenario", scenario),
        ("transfer.plan", approach),
    )
    return (*changes, ("pretraining.without", (without,))) if without else changes


def _cell(
    setting: str,
    target: str,
    *,
    division: str,
    pool: str,
    recipe: str,
    changes: Changes = (),
    without: str = ALL,
    published: float | None = None,
    onto: bool = True,
) -> Cell:
    """Return the cell of a run over a pool of corpora: divided onto the target, or all of them alike."""
    others = tuple(name for name in POOLS[pool] if name != target)
    protocol = f"onto-{target}-{divided(division, target)}" if onto else divided(division)
    return Cell(
        setting=setting,
        column=f"{division}, {pool}",
        corpus=target,
        metric="uar" if division == QUICK else FOLD_MEAN,
        published=published if (division, pool) == (RANDOM, PAPERS_OWN) else None,
        recipe=recipe,
        labels="six",
        protocol=protocol,
        quick=division == QUICK,
        changes=changes,
        # The paper's numbers are of all of its corpora; ours of those that there are.
        beside=others if pool == PAPERS_OWN else (without,) if without else (),
        pool=() if pool == PAPERS_OWN else tuple(name for name in others if name != without),
    )


def _columns() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Give each division with a pool of corpora and the targets that are tested in it."""
    for pool, targets in POOLS.items():
        for division in (RANDOM, SPEAKERS):
            yield division, pool, targets
    yield QUICK, OURS, QUICK_TARGETS


def _pooled() -> Iterator[Cell]:
    for division, pool, targets in _columns():
        for target in targets:
            for index, (system, recipe) in enumerate(SYSTEMS.items()):
                yield _cell(
                    system,
                    target,
                    division=division,
                    pool=pool,
                    recipe=recipe,
                    changes=WITHOUT_LSTM if system == "CNN" else (),
                    published=POOLED[target][index] if target in POOLED else None,
                    onto=False,
                )


def published_gain(target: str, setting: str) -> float | None:
    """Return what Table 3 says a setting such as "S1-A2" gains over training on the target alone."""
    scenario, approach = setting.split("-")
    gains = GAINS[scenario].get(target)
    return None if gains is None else gains[APPROACHES.index(approach)]


def _alone(
    target: str,
    division: str,
    *,
    setting: str = "TT",
    pool: str = "alone",
    recipe: str = "multidomain",
    published: float | None = None,
) -> Cell:
    """Return the cell of training on the target's training part and nothing else."""
    return Cell(
        setting=setting,
        column=f"{division}, {pool}",
        corpus=target,
        metric="uar" if division == QUICK else FOLD_MEAN,
        published=published,
        recipe=recipe,
        labels="six",
        protocol=divided(division, target),
        quick=division == QUICK,
    )


def _transferred() -> Iterator[Cell]:
    for target in dict.fromkeys((*DOMAINS, *FREE)):
        for division in (RANDOM, SPEAKERS, *([QUICK] if target in QUICK_TARGETS else [])):
            yield _alone(target, division, published=ALONE.get(target) if division == RANDOM else None)
    for division, pool, targets in _columns():
        for target in targets:
            for setting in SETTINGS:
                if division == QUICK and setting not in QUICK_SETTINGS:
                    continue
                gain = published_gain(target, setting)
                yield _cell(
                    setting,
                    target,
                    division=division,
                    pool=pool,
                    recipe="multidomain-onto",
                    changes=staged(setting),
                    published=None if gain is None else round(ALONE[target] * (1 + gain), 3),
                )


def ablated(setting: str, without: str) -> str:
    """Return how Table 4 calls a setting whose pre-training does without a corpus."""
    return f"{setting}, without {without}" if without else f"{setting}, all"


def _ablations() -> Iterator[Cell]:
    for division, pool, targets in _columns():
        if (division, pool) == (SPEAKERS, PAPERS_OWN):
            continue  # nobody can have them all without licences, and it is the largest grid of all
        settings = ABLATED if division != QUICK else QUICK_SETTINGS
        for target in targets:
            for without in (ALL, *(name for name in POOLS[pool] if name != target)):
                numbers = ABLATION.get((target, without), (None,) * len(ABLATED))
                for setting in settings:
                    yield _cell(
                        ablated(setting, without),
                        target,
                        division=division,
                        pool=pool,
                        recipe="multidomain-onto",
                        changes=staged(setting, without=without),
                        without=without,
                        published=numbers[ABLATED.index(setting)],
                    )


def _adapted() -> Iterator[Cell]:
    for division, pool, targets in _columns():
        for target in targets:
            machine, net = ADAPTIVE.get(target, (None, None))
            yield _cell(
                "adaptive SVM",
                target,
                division=division,
                pool=pool,
                recipe="is10-adaptive-svm",
                published=machine,
            )
            yield _cell(
                f"CNN+LSTM, {BEST}",
                target,
                division=division,
                pool=pool,
                recipe="multidomain-onto",
                changes=staged(BEST),
                published=net,
            )
            for each in BEYOND if pool == OURS else ():
                if each.alone:
                    yield _alone(target, division, setting=each.setting, pool=pool, recipe=each.recipe)
                else:
                    yield _cell(
                        each.setting, target, division=division, pool=pool, recipe=each.recipe, changes=each.changes
                    )


ALIKE = (
    "Unweighted average recall of six emotions, mean over five folds, as published; random folds test speakers that "
    "were trained on, and each stands beside folds that keep speakers apart. The paper's own corpora are used only "
    "where all six are given; the same is done with corpora that are free to get. Labels that a target does not have "
    "are given probability 0 when it is tested."
)


def _table(name: str, title: str, note: str, cells: Iterator[Cell]) -> Table:
    return Table(
        name=name,
        title=title,
        source=f"Table {name[-1]} of the paper",
        note=note,
        tolerance=0.02,
        cells=tuple(cells),
        runs="runs",
    )


TABLE2 = _table(
    "table2",
    "No adaptation: every system is trained on all corpora together and tested on each",
    "SVM-IS has IS10 features and a Gaussian kernel. What the CNN has instead of the LSTM the paper does not say.",
    _pooled(),
)
TABLE3 = _table(
    "table3",
    "Pre-training on other corpora: two scenarios, eight plans, beside training on the target alone (TT)",
    "S1 hears the target's training part in pre-training, S2 does not. The paper prints gains over TT; UARs are made "
    "from them.",
    _transferred(),
)
TABLE4 = _table(
    "table4",
    "Which corpus pre-training is better off without",
    "Cells without a published number are illegible in the copy that was read, or not the paper's.",
    _ablations(),
)
TABLE5 = _table(
    "table5",
    "Adaptive support vector machine and network, and what may do better",
    f"The paper's CNN+LSTM is, for each target, the best of all plans, scenarios and pools, chosen on what it is "
    f"tested on; ours is {BEST}, which was the best on average, for all of them. The rows below it are not the "
    "paper's. S2-A1, pseudo-labels and statistics hear no label of the target; only S2-A1 is told which labels it has.",
    _adapted(),
)

PAPER = Paper(
    key="transferable-features",
    title="Learning Transferable Features for Speech Emotion Recognition",
    citation=(
        "A. Marczewski, A. Veloso, N. Ziviani: Learning Transferable Features for Speech Emotion Recognition. Thematic "
        "Workshops of ACM Multimedia 2017. doi:10.1145/3126686.3126735"
    ),
    tables=(TABLE2, TABLE3, TABLE4, TABLE5),
)
