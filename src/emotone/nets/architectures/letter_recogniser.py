"""Small recognisers of letters up to a layer, averaged over time, and a classifier; published weights exist.

The input is rows of `power-spectrogram`. Both kinds have two recurrent layers with 200 values, each followed by a batch
normalisation, `norm1` and `norm2`, whose outputs are the layers 1 and 2. They were trained on LibriSpeech in a course
on speech interfaces; they recognise half of the letters.

References: the published networks (MIT, see `emotone sources show letter-gru` and `letter-convolution`); Lakomkin et
al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017 (the mean of a layer).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, get_args

from emotone.errors import ConfigError, unknown_name
from emotone.nets.base import LetterKind, check_dropout, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network

LAYERS = 2


@dataclass(frozen=True)
class LetterRecogniser:
    """A recogniser of letters as a source of features for a classifier.

    Attributes:
        kind: "gru" for GRU layers of one direction with ReLU; "convolution" for a convolution and GRU layers of both
            directions with tanh.
        layer: whose outputs are averaged: 1 or 2.
        units: of a recurrent layer, of both directions together; even.
        dropout: share of averaged values that are dropped in training.

    Raises:
        ConfigError: an unknown kind, or a number out of range.

    """

    title: ClassVar[str] = "a small recogniser of letters up to a layer, averaged over time, with published weights"
    paper: ClassVar[str] = "Reusing neural speech representations for auditory emotion recognition, 2017"

    kind: LetterKind = "gru"
    layer: int = 2
    units: int = 200
    dropout: float = 0.25

    def __post_init__(self) -> None:
        if self.kind not in get_args(LetterKind):
            raise ConfigError(f"letter-recogniser: {unknown_name('kind', self.kind, get_args(LetterKind))}")
        if not 1 <= self.layer <= LAYERS:
            raise ConfigError(f"letter-recogniser has the layers 1 to {LAYERS}; given {self.layer}")
        if self.units < 2 or self.units % 2:
            raise ConfigError(f"letter-recogniser needs an even number of units, 2 or more; given {self.units}")
        check_dropout("letter-recogniser", self.dropout)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The convolution if there is one, recurrent layers with their norms, and the classifier."""
        recurrent = [(f"gru{number}", f"norm{number}") for number in range(1, self.layer + 1)]
        if self.kind == "convolution":
            first: tuple[tuple[str, ...], ...] = (("conv1",), *recurrent)
        else:  # of the last recurrent layer, the norm is a group of its own
            first = (*recurrent[:-1], *((name,) for name in recurrent[-1]))
        return (*first, *((),) * (3 - len(first)), ("classifier",))

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.dense import EmbeddingClassifier
        from emotone.nets.blocks.recogniser import letter_layers
        from emotone.nets.blocks.reuse import MeanOfSteps

        return Network(
            {
                **letter_layers(self.kind, dimension, units=self.units, last=self.layer),
                "pool": MeanOfSteps(),
                "classifier": EmbeddingClassifier(self.units, hidden=0, classes=classes, dropout=self.dropout),
            }
        )


NET = LetterRecogniser
