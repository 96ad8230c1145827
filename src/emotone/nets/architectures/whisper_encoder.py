"""The encoder of Whisper up to a chosen layer, pooled over time, and a classifier.

The input is rows of `whisper-log-mel`. The published sizes are those of `whisper-base` (width 512, 6 layers, 8 heads)
and `whisper-tiny.en` (width 384, 4 layers, 6 heads). Layers after the last one that is used are not built. The paper's
method is "Fine-tuning MP-x": the output of a recogniser's layer x, averaged over time, is the input of a classifier.

References: Radford et al., Robust speech recognition via large-scale weak supervision, 2022 (encoder; OpenAI, MIT);
Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017 (MP-x).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.errors import ConfigError
from emotone.nets.base import check_dropout, check_heads, check_layers, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network


@dataclass(frozen=True)
class WhisperEncoder:
    """Whisper's encoder as a source of features for a classifier.

    Attributes:
        layers: whose outputs are pooled, ascending; 0 is the output of the convolutions with positions.
        width: values per step.
        heads: of attention.
        final_norm: whether the normalisation after the last layer is applied to the last of the outputs.
        statistics: over time: "mean", or "mean-deviation" for the mean and the standard deviation.
        combination: of the outputs: "concatenate", "mean", or "learned" for an average with learned weights.
        peak: log10 mel power to which the loudest value of an input is shifted, so that results do not depend on the
            recording level; None keeps the level, as Whisper does.
        hidden: units of the classifier's hidden layer; 0 for a linear classifier.
        dropout: share of pooled values, and of hidden units, that are dropped in training.

    Raises:
        ConfigError: a number out of range, or no or unordered layers.

    """

    title: ClassVar[str] = "Whisper's encoder up to a layer, pooled over time, with published recogniser weights"
    paper: ClassVar[str] = "Reusing neural speech representations for auditory emotion recognition, 2017"
    layers: tuple[int, ...] = (2, 3, 4)
    width: int = 512
    heads: int = 8
    final_norm: bool = False
    statistics: Literal["mean", "mean-deviation"] = "mean"
    combination: Literal["concatenate", "mean", "learned"] = "concatenate"
    peak: float | None = None
    hidden: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_layers("whisper-encoder", self.layers)
        check_heads("whisper-encoder", width=self.width, heads=self.heads)
        if self.hidden < 0:
            raise ConfigError(f"whisper-encoder needs hidden >= 0, where 0 means no hidden layer; given {self.hidden}")
        check_dropout("whisper-encoder", self.dropout)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Convolutions, transformer layers, what follows them, and the classifier."""
        encoder = tuple(f"layer{number}" for number in range(1, self.layers[-1] + 1))
        return (
            ("conv1", "conv2", "positions"),
            encoder + (("final_norm",) if self.final_norm else ()),
            (*(("pool",) if self.combination == "learned" else ()), "standardise"),
            ("classifier",),
        )

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks import transformer
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.dense import EmbeddingClassifier

        width, last = self.width, self.layers[-1]
        blocks = transformer.whisper_layers(
            dimension, width=width, heads=self.heads, last=last, kept=self.layers, peak=self.peak
        )
        if self.final_norm:
            blocks["final_norm"] = transformer.FinalNorm(width)
        outputs = len(self.layers)
        blocks["pool"] = transformer.LayerPooling(outputs, statistics=self.statistics, combination=self.combination)
        values = width * (2 if self.statistics == "mean-deviation" else 1)
        values *= outputs if self.combination == "concatenate" else 1
        blocks["standardise"] = transformer.Standardiser(values)
        blocks["classifier"] = EmbeddingClassifier(values, hidden=self.hidden, classes=classes, dropout=self.dropout)
        return Network(blocks)


NET = WhisperEncoder
