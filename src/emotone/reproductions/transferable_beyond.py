"""What Table 5 of the paper on transferable features stands beside, and the paper does not have: named, with settings.

Each is one change of what the paper did, or another net in the place of its own, on the same folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emotone.reproductions.base import Changes


@dataclass(frozen=True)
class Beyond:
    """One row.

    Attributes:
        setting: its words.
        recipe: name of a shipped recipe.
        changes: settings in which it differs.
        alone: whether it learns from the target's training part alone.

    """

    setting: str
    recipe: str
    changes: Changes
    alone: bool = False


def _staged(net: str, recipe: str, setting: str, *, what: str = "", changes: Changes = ()) -> Beyond:
    """Return a recipe in two stages in a setting such as "S1-A2", with changes that are called `what`."""
    scenario, approach = setting.split("-")
    short = recipe.removesuffix("-onto")
    name = "-".join(filter(None, (short, setting.lower(), what.removeprefix("a ").replace(" ", "-"))))
    return Beyond(
        f"{net}, {setting}" + (f", {what}" if what else ""),
        recipe,
        (("name", name), ("pretraining.scenario", scenario), ("transfer.plan", approach), *changes),
    )


PAPERS, LOG_MEL = ("CNN+LSTM", "multidomain-onto"), ("log-mel CNN", "log-mel-onto")
ALIKE: Changes = (("pretraining.training.sampling", "weighted"), ("pretraining.training.balance", 0.0))
BEYOND = (
    # Each corpus and label as often as any other, where the paper's first training hears most of the largest corpus.
    _staged(*PAPERS, "S1-A2", what="corpora alike", changes=ALIKE),
    _staged(*PAPERS, "S1-A2", what="a head per corpus", changes=(("pretraining.heads", "corpus"),)),
    # Without a label of the target: used as it is, and learning from what it says of what it is sure of. With A1
    # nothing could learn.
    _staged(*PAPERS, "S2-A1"),
    _staged(*PAPERS, "S2-A2", what="pseudo-labels", changes=(("transfer.unlabelled", "pseudo-labels"),)),
    # A net that knows more of speech before it learns anything.
    _staged(*LOG_MEL, "S1-A2"),
    _staged(*LOG_MEL, "S2-A1"),
    _staged(*LOG_MEL, "S2-A1", what="statistics", changes=(("transfer.unlabelled", "statistics"),)),
    # Layers that learned from other sound than speech with emotions, on the target alone.
    Beyond("mn04 as it is, the target alone", "segment-mn04", (), alone=True),
)
