"""Rows of Table 5 that are not in the paper: one change each to its experiment, or another network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.reproductions.base import Heading

if TYPE_CHECKING:
    from emotone.reproductions.base import Changes


@dataclass(frozen=True)
class Extension:
    """A row of Table 5.

    Attributes:
        row: heading.
        recipe: name of a shipped recipe.
        changes: settings that differ from it.
        target_only: whether it is trained on the target only.

    """

    row: Heading
    recipe: str
    changes: Changes = ()
    target_only: bool = False


def staged(setting: str, *, name: str, changes: Changes = ()) -> Changes:
    """Return the changes of a two-stage recipe for a setting such as "S1-A2" of the paper.

    Args:
        setting: scenario and plan.
        name: of the changed recipe.
        changes: further changes.

    """
    scenario, plan = setting.split("-")
    return (("name", name), ("pretraining.scenario", scenario), ("transfer.plan", plan), *changes)


def _multidomain(setting: str, suffix: str = "", *, title: str = "", changes: Changes = ()) -> Extension:
    row = Heading(f"cnn-lstm-{setting.lower()}{suffix}", f"CNN+LSTM, {setting}{title}")
    name = f"multidomain-{setting.lower()}{suffix}"
    return Extension(row, "multidomain-onto", staged(setting, name=name, changes=changes))


def _log_mel(setting: str, suffix: str = "", *, title: str = "", changes: Changes = ()) -> Extension:
    row = Heading(f"log-mel-{setting.lower()}{suffix}", f"log-mel CNN, {setting}{title}")
    name = f"log-mel-{setting.lower()}{suffix}"
    return Extension(row, "log-mel-onto", staged(setting, name=name, changes=changes))


EXTENSIONS = (
    # The paper's pre-training uses corpora in proportion to their size.
    _multidomain(
        "S1-A2",
        "-corpora-alike",
        title=", balanced corpora",
        changes=(("pretraining.training.sampling", "weighted"), ("pretraining.training.balance", 0.0)),
    ),
    _multidomain(
        "S1-A2", "-head-per-corpus", title=", one head per corpus", changes=(("pretraining.heads", "corpus"),)
    ),
    # Without labels of the target: no adaptation, and pseudo-labels, which need A2 because A1 freezes every layer.
    _multidomain("S2-A1"),
    _multidomain(
        "S2-A2", "-pseudo-labels", title=", pseudo-labels", changes=(("transfer.unlabelled", "pseudo-labels"),)
    ),
    # A front end that does not have to be trained.
    _log_mel("S1-A2"),
    _log_mel("S2-A1"),
    _log_mel("S2-A1", "-statistics", title=", statistics alignment", changes=(("transfer.unlabelled", "statistics"),)),
    # A trunk that was trained on general audio.
    Extension(Heading("mn04-target-only", "mn04, frozen, target only"), "segment-mn04", target_only=True),
)
