"""What a training depends on, beside its data, its net and its seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from emotone.config import LATER, check_ranges
from emotone.errors import ConfigError
from emotone.types import Seconds  # noqa: TC001 - read at run time by emotone.config

Sampling: TypeAlias = Literal["chance", "equal", "shuffled"]
Crops: TypeAlias = Literal["random", "start", "grid"]
RHO, EPSILON = 0.95, 1e-7  # of AdaDelta, as Keras has it


@dataclass(frozen=True)
class TrainingSettings:
    """AdamW with a warm-up and a cosine, balanced batches of random crops, an average of weights.

    The anger paper's training is another setting of it: Adam, which is AdamW without decay, at a constant rate
    (`weight_decay`, `warmup`, `label_smoothing`, `average` and `clip` 0, `schedule` "constant"); batches of equal
    shares (`sampling` "equal", `balance` 1); 200 of them between two looks at the development part (`steps` 200), which
    choose by AU-ROC per window (`choose` "auroc"). How many batches it took in all it does not say: `epochs` and
    `patience` decide.

    Keras's habits are a third: `optimizer` "adadelta" at its rate of 1 (`learning_rate` 1.0), every example once per
    epoch (`sampling` "shuffled"), cut from its start or into all of its windows (`crops` "start" or "grid").

    Attributes:
        epochs: passes; an epoch draws as many examples as there are, or has `steps` batches.
        batch: examples per step.
        learning_rate: peak, reached after `warmup` of all steps; then as `schedule` says.
        weight_decay: of AdamW; not on biases and norms. 0 makes it Adam. AdaDelta has none.
        warmup: share of all steps.
        label_smoothing: of the cross-entropy.
        balance: 1 draws examples as often as they are; 0 draws each (corpus, label) pair equally often;
            between, pairs are drawn with their count to this power.
        crop: seconds of each example that are seen; shorter ones are padded and masked. Where windows say how much
            sound they hold at least, crops hold it too, and may end with the recording. With `crops` "grid" windows
            say how much is seen, and this plays no part.
        average: decay per step of the moving average of weights that is evaluated and kept; 0 keeps the last weights.
        patience: epochs without a better development score after which training stops; 0 never stops early.
        schedule: "cosine" falls to 0 in a half cosine over all epochs; "constant" stays.
        clip: greatest norm of a step's gradient; 0 takes it as it is.
        sampling: "chance" draws each example of a batch by `balance` alone; "equal" gives each label the same number
            of places (what is left over of a batch goes to labels by lot) and draws by `balance` within a label;
            "shuffled" takes every example once per epoch, in an order that is drawn: `balance` plays no part, and the
            last batch holds what is left over, unless that is a single example, which is left out.
        steps: batches of an epoch; 0 draws as many examples as there are.
        choose: the development score: "uar" is the unweighted average recall of clips; "auroc" is the area under the
            ROC of windows, each label against the rest. Both are means over corpora.
        optimizer: "adamw", or "adadelta" with a rho of 0.95 and an epsilon of 1e-7.
        crops: "random" sees another stretch of an example whenever it is drawn; "start" sees its first `crop` seconds;
            "grid" makes an example of each of its windows, as they are judged (see `emotone.features.windows`).
        speech_only: whether windows without speech are left out, as they are of a clip's judgement where `windows` says
            so too: nothing is learned from them, and they do not choose the epoch. Crops must be "grid".
        mixup: how evenly every example is mixed with another one of its batch, and its label with that one's: the
            shares are drawn from Beta(mixup, mixup). 0 mixes nothing.

    Raises:
        ConfigError: a number out of range, AdaDelta with a weight decay, a number of batches for shuffled examples, or
            crops that are no windows where those without speech are to be left out.

    References: Zeiler, ADADELTA: an adaptive learning rate method, arXiv:1212.5701, 2012. Mixup: see
    `emotone.training.batches.mix`.

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
    sampling: Sampling = field(default="chance", metadata=LATER)
    steps: int = field(default=0, metadata=LATER)
    choose: Literal["uar", "auroc"] = field(default="uar", metadata=LATER)
    optimizer: Literal["adamw", "adadelta"] = field(default="adamw", metadata=LATER)
    crops: Crops = field(default="random", metadata=LATER)
    speech_only: bool = field(default=False, metadata=LATER)
    mixup: float = field(default=0.0, metadata=LATER)

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
            mixup=(0.0, 100.0),
        )
        if self.optimizer == "adadelta" and self.weight_decay > 0:
            raise ConfigError(
                f"training: adadelta has no weight decay; set weight_decay = 0, given {self.weight_decay:g}"
            )
        if self.sampling == "shuffled" and self.steps > 0:
            raise ConfigError(
                f"training: shuffled examples make as many batches as they fill; set steps = 0, given {self.steps}"
            )
        if self.speech_only and self.crops != "grid":
            raise ConfigError(
                f'training: speech_only leaves out windows; set crops = "grid", which learns them, given "{self.crops}"'
            )
