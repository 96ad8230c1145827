"""Hyperparameters of a training run: everything that affects the result except data, network and seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from emotone.config import check_ranges
from emotone.errors import ConfigError
from emotone.types import Seconds  # noqa: TC001 - read at run time by emotone.config

if TYPE_CHECKING:
    from collections.abc import Sequence

Sampling: TypeAlias = Literal["weighted", "balanced", "shuffled", "sorted-first"]
CropMode: TypeAlias = Literal["random", "start", "grid"]
Monitor: TypeAlias = Literal["uar", "auroc", "cross-entropy"]
RHO, EPSILON = 0.95, 1e-7  # defaults of AdaDelta in Keras
ROUNDING = 1 + 1e-9  # of learning rates that are compared


@dataclass(frozen=True)
class Annealing:
    """The learning rate is multiplied by `factor` when the monitored score stops improving.

    Attributes:
        patience: epochs without improvement, since the best one or the last change, after which it is multiplied.
        factor: above 0 and below 1.
        minimum: learning rate at which training stops.

    Raises:
        ConfigError: a number is out of range.

    """

    patience: int = 2
    factor: float = 0.1
    minimum: float = 1e-6

    def __post_init__(self) -> None:
        check_ranges(
            self, where="training.annealing", patience=(1, 100_000), factor=(0.001, 0.999), minimum=(1e-12, 10.0)
        )

    def share(self, scores: Sequence[float | None]) -> float:
        """Return the share of the peak learning rate after epochs with these scores; without scores it is 1.

        Example:
            >>> Annealing(patience=2, factor=0.5).share([0.1, 0.3, 0.2, 0.3, 0.2, 0.1])
            0.25

        """
        share, best, waiting = 1.0, -math.inf, 0
        for score in scores:
            if score is None:
                continue
            if score > best:
                best, waiting = score, 0
                continue
            waiting += 1
            if waiting == self.patience:
                share, waiting = share * self.factor, 0
        return share

    def stops(self, learning_rate: float) -> bool:
        """Return whether training stops at a learning rate."""
        return learning_rate <= self.minimum * ROUNDING


@dataclass(frozen=True)
class TrainingSettings:
    """AdamW with warm-up and cosine decay, balanced batches of random crops, an exponential moving average of weights.

    These are the defaults. Three published set-ups are other settings of the same loop:

    - The SoundNet anger detector: Adam (AdamW with `weight_decay` 0) at a constant rate (`schedule` "constant",
      `warmup`, `label_smoothing`, `ema_decay` and `grad_clip_norm` 0), batches with equal shares of the labels
      (`sampling` "balanced", `balance` 1), and a development score every 200 batches (`steps_per_epoch` 200,
      `monitor` "auroc").
    - Keras defaults: `optimizer` "adadelta" with `learning_rate` 1.0, every example once per epoch (`sampling`
      "shuffled"), cropped at its start or divided into windows (`crop_mode` "start" or "grid").
    - The paper on reusing speech recognisers: Adam as above, whole utterances (`crop_mode` "start"), the shortest first
      in the first epoch (`sampling` "sorted-first"), `monitor` "cross-entropy", and `annealing`.

    Attributes:
        epochs: maximum number of epochs. An epoch has `steps_per_epoch` batches.
        batch_size: examples per batch.
        learning_rate: peak learning rate, reached after the warm-up; then it follows `schedule`.
        weight_decay: of AdamW, applied to matrices and kernels only; 0 gives Adam. AdaDelta has none.
        warmup: share of all steps over which the learning rate increases linearly.
        label_smoothing: of the cross-entropy.
        balance: exponent of the class weights. 1 samples examples uniformly; 0 samples each (corpus, label) pair
            equally often; in between, a pair with n examples is sampled in proportion to n ** balance.
        crop_seconds: length of a crop. Shorter examples are padded and masked. If the windows of the recipe have a
            minimum length, crops contain at least that much of the example and may extend past its end. Not used
            with `crop_mode` "grid", where the window length applies.
        ema_decay: decay per step of the exponential moving average of the weights, which is evaluated and stored;
            0 stores the last weights.
        patience: epochs without improvement of the monitored score after which training stops; 0 disables early
            stopping.
        schedule: "cosine" decays to 0 in a half cosine over all epochs; "constant" does not decay.
        grad_clip_norm: maximum norm of the gradient; larger gradients are scaled down. 0 disables clipping.
        sampling: "weighted" samples examples with replacement, weighted by `balance`; "balanced" puts equally many
            examples of each label in a batch (remaining places go to randomly selected labels) and weights by
            `balance` within a label; "shuffled" uses every example once per epoch in random order, ignores
            `balance`, and allows a smaller last batch (dropped if it has a single example); "sorted-first" is
            "shuffled" with the examples in order of duration, shortest first, in the first epoch (SortaGrad).
        steps_per_epoch: batches per epoch; 0 derives it from the number of examples.
        monitor: development score that selects the epoch: "uar" is the unweighted average recall of clips; "auroc"
            is the area under the ROC curve of windows, one label against the rest; "cross-entropy" is the negative
            cross-entropy of clips, in nats. All are means over corpora.
        optimizer: "adamw", or "adadelta" with rho 0.95 and epsilon 1e-7.
        crop_mode: "random" crops at a new random position each time; "start" uses the first `crop_seconds`; "grid"
            makes one example of each window that prediction uses (see `emotone.features.windows`).
        speech_only: exclude windows without speech from training and from the development score, as prediction does.
            Requires `crop_mode` "grid".
        mixup: parameter alpha of mixup; the mixing weight has the distribution Beta(alpha, alpha). 0 disables mixup.
        annealing: lowers the learning rate, on top of the schedule, when the monitored score stops improving; None
            does not.
        precision: "bfloat16" computes the network's products with 8 significant bits; weights and loss stay in float32.
            About twice as fast for large convolutions on processors with AVX-512 BF16 or AMX. None uses float32.
        loss: "hinge" makes the output layer a linear support vector machine: the loss of an example is the sum over
            the wrong labels of max(0, 1 + score of the label - score of the true label), divided by the number of
            labels. None is the cross-entropy.

    Raises:
        ConfigError: a number is out of range, AdaDelta has a weight decay, `steps_per_epoch` is set with shuffled
            examples, `speech_only` is set without `crop_mode` "grid", or `label_smoothing` with the hinge loss.

    References: Weston, Watkins, Support vector machines for multi-class pattern recognition, ESANN 1999. SortaGrad:
    Amodei et al., Deep Speech 2, arXiv:1512.02595, 2015, section 3.2. Zeiler, ADADELTA: an adaptive learning rate
    method, arXiv:1212.5701, 2012. Mixup: see `emotone.training.batches.mix`.

    """

    epochs: int = 12
    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: float = 0.1
    label_smoothing: float = 0.1
    balance: float = 0.5
    crop_seconds: Seconds = 2.0
    ema_decay: float = 0.99
    patience: int = 0
    schedule: Literal["cosine", "constant"] = "cosine"
    grad_clip_norm: float = 5.0
    sampling: Sampling = "weighted"
    steps_per_epoch: int = 0
    monitor: Monitor = "uar"
    optimizer: Literal["adamw", "adadelta"] = "adamw"
    crop_mode: CropMode = "random"
    speech_only: bool = False
    mixup: float = 0.0
    annealing: Annealing | None = None
    precision: Literal["bfloat16"] | None = None
    loss: Literal["hinge"] | None = None

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="training",
            epochs=(1, 100_000),
            batch_size=(2, 65_536),
            learning_rate=(1e-9, 10.0),
            weight_decay=(0.0, 10.0),
            warmup=(0.0, 0.9),
            label_smoothing=(0.0, 0.9),
            balance=(0.0, 1.0),
            crop_seconds=(0.1, 600.0),
            ema_decay=(0.0, 0.99999),
            patience=(0, 100_000),
            grad_clip_norm=(0.0, 1e6),
            steps_per_epoch=(0, 1_000_000),
            mixup=(0.0, 100.0),
        )
        if self.optimizer == "adadelta" and self.weight_decay > 0:
            raise ConfigError(
                f"training: adadelta has no weight decay; set weight_decay = 0, given {self.weight_decay:g}"
            )
        if self.sampling in {"shuffled", "sorted-first"} and self.steps_per_epoch > 0:
            raise ConfigError(
                "training: with shuffled examples the number of batches follows from the number of examples; "
                f"set steps_per_epoch = 0, given {self.steps_per_epoch}"
            )
        if self.speech_only and self.crop_mode != "grid":
            raise ConfigError(
                'training: speech_only excludes windows and needs crop_mode = "grid", which trains on windows; '
                f'given "{self.crop_mode}"'
            )
        if self.loss == "hinge" and self.label_smoothing > 0:
            raise ConfigError(
                "training: the hinge loss has no smoothed labels; set label_smoothing = 0, "
                f"given {self.label_smoothing:g}"
            )
