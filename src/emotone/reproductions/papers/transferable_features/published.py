"""Published numbers of the paper on transferable features: UAR, mean over five random folds."""

from __future__ import annotations

from typing import TypeAlias

Numbers: TypeAlias = tuple[float | None, ...]

TITLE = "Learning Transferable Features for Speech Emotion Recognition"
CITATION = (
    "A. Marczewski, A. Veloso, N. Ziviani: Learning Transferable Features for Speech Emotion Recognition. Thematic "
    "Workshops of ACM Multimedia 2017. doi:10.1145/3126686.3126735"
)

CORPORA = ("afew", "emodb", "emovo", "enterface", "iemocap", "rml")
"""The paper's corpora, four of which need a licence agreement."""
CLIPS = {"afew": 568, "emodb": 287, "emovo": 336, "enterface": 1047, "iemocap": 1770, "rml": 650}
"""Table 1, clips of the six emotions."""
PLANS = ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8")
SCENARIOS = ("S1", "S2")
SETTINGS = tuple(f"{scenario}-{plan}" for scenario in SCENARIOS for plan in PLANS)
TABLE4_SETTINGS = tuple(setting for setting in SETTINGS if setting[-1] in "1234")
SYSTEMS = ("svm-is10", "cnn", "cnn-lstm")

TABLE2 = {
    "afew": (0.333, 0.344, 0.338),
    "emodb": (0.645, 0.622, 0.659),
    "emovo": (0.411, 0.440, 0.459),
    "enterface": (0.456, 0.419, 0.454),
    "iemocap": (0.719, 0.673, 0.684),
    "rml": (0.482, 0.581, 0.631),
}
"""Table 2, UAR of training on all corpora, by tested corpus, in the order of SYSTEMS."""
TARGET_ONLY = {"afew": 0.288, "emodb": 0.614, "emovo": 0.518, "enterface": 0.441, "iemocap": 0.682, "rml": 0.623}
"""Table 3, UAR of training on the target only (TT)."""
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
"""Table 3, gains over TT, (UAR - TT) / TT, by scenario and target, in the order of PLANS."""
AVERAGE = {
    "S1": (0.016, 0.073, 0.050, 0.028, 0.017, 0.051, 0.058, 0.053),
    "S2": (-0.321, 0.051, 0.038, -0.007, -0.031, 0.015, 0.006, -0.020),
}
"""Table 3, mean of the gains."""
DEVIATION = {
    "S1": (0.072, 0.051, 0.044, 0.063, 0.068, 0.078, 0.039, 0.041),
    "S2": (0.189, 0.041, 0.049, 0.064, 0.067, 0.040, 0.069, 0.076),
}
"""Table 3, standard deviation of the gains over targets."""
ALL = ""
TABLE4: dict[tuple[str, str], Numbers] = {
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
"""Table 4, UAR by target and by the corpus that is excluded from pre-training (ALL: none), in the order of
TABLE4_SETTINGS. None, or a missing row: the copy of the paper at hand is illegible or contradicts itself."""
TABLE5 = {
    "afew": (0.539, 0.625),
    "emodb": (0.797, 0.856),
    "emovo": (0.692, 0.735),
    "enterface": (0.634, 0.751),
    "iemocap": (0.751, 0.783),
    "rml": (0.721, 0.760),
}
"""UAR of the adaptive support vector machine, and of the best of all CNN+LSTM, by target."""
TABLE5_GAIN = {"afew": 0.159, "emodb": 0.074, "emovo": 0.062, "enterface": 0.184, "iemocap": 0.043, "rml": 0.054}
"""The column "Gain" of Table 5, as printed."""


def table3_uar(target: str, setting: str) -> float | None:
    """Return the UAR of a setting such as "S1-A2", computed from the gain in Table 3; None if there is none."""
    scenario, plan = setting.split("-")
    gains = GAINS[scenario].get(target)
    return None if gains is None else round(TARGET_ONLY[target] * (1 + gains[PLANS.index(plan)]), 3)
