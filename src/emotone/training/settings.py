"""What a training depends on, beside its data, its net and its seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from emotone.config import LATER, check_ranges
from emotone.types import Seconds  # noqa: TC001 - read at run time by emotone.config


@dataclass(frozen=True)
class TrainingSettings:
    """AdamW with a warm-up and a cosine, balanced batches of random crops, an average of weights.

    The anger paper's training is another setting of it: Adam, which is AdamW without decay, at a constant rate
    (`weight_decay`, `warmup`, `label_smoothing`, `average` and `clip` 0, `schedule` "constant"); batches of equal
    shares (`sampling` "equal", `balance` 1); 200 of them between two looks at the development part (`steps` 200), which
    choose by AU-ROC per window (`choose` "auroc"). How many batches it took in all it does not say: `epochs` and
    `patience` decide.

    Attributes:
        epochs: passes; an epoch draws as many examples as there are, or has `steps` batches.
        batch: examples per step.
        learning_rate: peak, reached after `warmup` of all steps; then as `schedule` says.
        weight_decay: of AdamW; not on biases and norms. 0 makes it Adam.
        warmup: share of all steps.
        label_smoothing: of the cross-entropy.
        balance: 1 draws examples as often as they are; 0 draws each (corpus, label) pair equally often;
            between, pairs are drawn with their count to this power.
        crop: seconds of each example that are seen; shorter ones are padded and masked. Where windows say how much
            sound they hold at least, crops hold it too, and may end with the recording.
        average: decay per step of the moving average of weights that is evaluated and kept; 0 keeps the last weights.
        patience: epochs without a better development score after which training stops; 0 never stops early.
        schedule: "cosine" falls to 0 in a half cosine over all epochs; "constant" stays.
        clip: greatest norm of a step's gradient; 0 takes it as it is.
        sampling: "chance" draws each example of a batch by `balance` alone; "equal" gives each label the same number
            of places (what is left over of a batch goes to labels by lot) and draws by `balance` within a label.
        steps: batches of an epoch; 0 draws as many examples as there are.
        choose: the development score: "uar" is the unweighted average recall of clips; "auroc" is the area under the
            ROC of windows, each label against the rest. Both are means over corpora.

    Raises:
        ConfigError: a number out of range.

    """

    epochs: int = 12
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: float = 0.1
    label_smoothing: float = 0.1
    balance: float = 0.5
    crop: Seconds = 2.0
    average: float = 0.99
    patience: int = 0
    schedule: Literal["cosine", "constant"] = field(default="cosine", metadata=LATER)
    clip: float = field(default=5.0, metadata=LATER)
    sampling: Literal["chance", "equal"] = field(default="chance", metadata=LATER)
    steps: int = field(default=0, metadata=LATER)
    choose: Literal["uar", "auroc"] = field(default="uar", metadata=LATER)

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="training",
            epochs=(1, 100_000),
            batch=(2, 65_536),
            learning_rate=(1e-9, 10.0),
            weight_decay=(0.0, 10.0),
            warmup=(0.0, 0.9),
            label_smoothing=(0.0, 0.9),
            balance=(0.0, 1.0),
            crop=(0.1, 600.0),
            average=(0.0, 0.99999),
            patience=(0, 100_000),
            clip=(0.0, 1e6),
            steps=(0, 1_000_000),
        )
