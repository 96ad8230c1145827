"""What a training depends on, beside its data, its net and its seed."""

from __future__ import annotations

from dataclasses import dataclass

from emotone.errors import ConfigError
from emotone.types import Seconds  # noqa: TC001 - read at run time by emotone.config


@dataclass(frozen=True)
class TrainingSettings:
    """AdamW with a warm-up and a cosine, balanced batches of random crops, an average of weights.

    Attributes:
        epochs: passes; an epoch draws as many examples as there are.
        batch: examples per step.
        learning_rate: peak, reached after `warmup` of all steps, then a half cosine down to 0.
        weight_decay: of AdamW; not on biases and norms.
        warmup: share of all steps.
        label_smoothing: of the cross-entropy.
        balance: 1 draws examples as often as they are; 0 draws each (corpus, label) pair equally often;
            between, pairs are drawn with their count to this power.
        crop: seconds of each example that are seen; shorter ones are padded and masked.
        average: decay per step of the moving average of weights that is evaluated and kept; 0 keeps the last weights.
        patience: epochs without a better development score after which training stops; 0 never stops early.

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

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 100_000),
            ("batch", 2, 65_536),
            ("learning_rate", 1e-9, 10.0),
            ("weight_decay", 0.0, 10.0),
            ("warmup", 0.0, 0.9),
            ("label_smoothing", 0.0, 0.9),
            ("balance", 0.0, 1.0),
            ("crop", 0.1, 600.0),
            ("average", 0.0, 0.99999),
            ("patience", 0, 100_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"training: {name} must lie between {low:g} and {high:g}; given {value:g}")
