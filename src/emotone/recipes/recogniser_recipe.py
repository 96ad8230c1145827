"""Recipe of a speech recogniser: everything that its weights depend on except the speech, as a TOML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emotone.config import check_name, check_ranges, from_mapping, read_toml, signature
from emotone.corpora.transcribed import TRANSCRIBED
from emotone.errors import ConfigError, unknown_name
from emotone.nets.speech_recogniser import CHARACTERS, SpeechRecogniser
from emotone.types import Seconds  # noqa: TC001 - read at run time by emotone.config

if TYPE_CHECKING:
    from pathlib import Path

KEY = "corpora"  # a recipe's file with this key is that of a recogniser


@dataclass(frozen=True)
class CtcSettings:
    """Stochastic gradient descent on the CTC loss; the defaults are the paper's, as far as it states them.

    Attributes:
        epochs: maximum number of epochs.
        batch_size: utterances per batch; not stated in the paper.
        learning_rate: of the first epoch.
        division: of the learning rate after every epoch.
        momentum: 0 for plain gradient descent; above it is Nesterov's.
        grad_clip_norm: maximum norm of the gradient; 0 disables clipping. Not stated in the paper.
        patience: epochs without a lower character error rate after which training stops; 0 never stops.

    Raises:
        ConfigError: a number is out of range.

    """

    epochs: int = 100
    batch_size: int = 16
    learning_rate: float = 3e-4
    division: float = 1.1
    momentum: float = 0.0
    grad_clip_norm: float = 400.0
    patience: int = 3

    def __post_init__(self) -> None:
        check_ranges(
            self,
            where="training",
            epochs=(1, 100_000),
            batch_size=(1, 65_536),
            learning_rate=(1e-9, 10.0),
            division=(1.0, 10.0),
            momentum=(0.0, 0.999),
            grad_clip_norm=(0.0, 1e6),
            patience=(0, 100_000),
        )


@dataclass(frozen=True)
class RecogniserRecipe:
    """A recogniser, and the transcribed speech that it is trained on.

    Attributes:
        name: of the resulting weights; lower-case letters, digits, dots, hyphens and underscores.
        corpora: names of transcribed corpora (see `emotone.corpora.transcribed`); their folders are given when training
            starts.
        description: one sentence.
        licence: SPDX identifier for the weights.
        units: of each direction of a recurrent layer.
        layers: number of recurrent layers.
        characters: that are predicted, without the blank.
        max_seconds: longer utterances are excluded.
        held_out_share: of the speakers, at least one, whose character error rate selects the epoch.
        training: see `CtcSettings`.
        seed: of every random draw.

    Raises:
        ConfigError: a number is out of range, or there is no corpus.
        UnknownNameError: no such corpus.

    References: Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017,
    sections 3.1.1 and 3.2.2.

    """

    name: str
    corpora: tuple[str, ...]
    description: str = ""
    licence: str = "unstated"
    units: int = 800
    layers: int = 5
    characters: str = CHARACTERS
    max_seconds: Seconds = 15.0
    held_out_share: float = 0.05
    training: CtcSettings = field(default_factory=CtcSettings)
    seed: int = 1

    def __post_init__(self) -> None:
        check_name(self.name)
        check_ranges(self, where="recipe", max_seconds=(0.1, 600.0), held_out_share=(0.001, 0.9), seed=(0, 2**31))
        if not self.corpora:
            raise ConfigError(f"a recogniser needs corpora to train on; there are {', '.join(TRANSCRIBED)}")
        for name in self.corpora:
            if name not in TRANSCRIBED:
                raise unknown_name("transcribed corpus", name, TRANSCRIBED)
        _ = self.recogniser

    @property
    def recogniser(self) -> SpeechRecogniser:
        """The network."""
        return SpeechRecogniser(units=self.units, layers=self.layers, characters=self.characters)

    @property
    def signature(self) -> str:
        """Hash of everything that affects the weights, which name, description and licence do not."""
        network = (self.units, self.layers, self.characters)
        return signature(list(network), self.max_seconds, self.held_out_share, self.training, self.seed)


def read_recogniser_recipe(path: Path) -> RecogniserRecipe:
    """Return the recipe in a TOML file; an error names the wrong key or value and the closest valid one."""
    return from_mapping(RecogniserRecipe, read_toml(path), where=str(path))


def is_recogniser_recipe(path: Path) -> bool:
    """Return whether a TOML file is the recipe of a recogniser, by its key `corpora`."""
    return KEY in read_toml(path)
