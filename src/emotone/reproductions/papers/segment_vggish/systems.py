"""Systems of Table 5: those of the paper, those with weights that are easier to obtain, and extensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.reproductions.base import Heading

if TYPE_CHECKING:
    from emotone.reproductions.base import Changes

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
