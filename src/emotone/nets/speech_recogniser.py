"""The speech recogniser of the paper on reusing recognisers: convolutions and recurrent layers, trained with CTC.

It reads 161 values of a spectrogram (20 ms windows at 16 kHz) every 10 ms and predicts a character or the blank every
20 ms. Its sizes are those of the public implementation `deepspeech.pytorch`, whose training settings the paper has.

References: Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017
(section 3.1.1); Amodei et al., Deep Speech 2, arXiv:1512.02595, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import ConfigError
from emotone.nets.base import require_torch

if TYPE_CHECKING:
    from torch import Tensor

    from emotone.nets.blocks.base import Network

BANDS = 161  # bins of a transform of 320 samples
CHARACTERS = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ "
BLANK = 0  # index of the blank, before all characters


@dataclass(frozen=True)
class SpeechRecogniser:
    """Two convolutions, recurrent layers `gru1`, `gru2` ..., and the characters.

    Attributes:
        units: of each direction of a recurrent layer.
        layers: number of recurrent layers.
        characters: that are predicted, without the blank.

    Raises:
        ConfigError: a number below 1, or no characters.

    """

    units: int = 800
    layers: int = 5
    characters: str = CHARACTERS

    def __post_init__(self) -> None:
        if self.units < 1 or self.layers < 1:
            raise ConfigError(f"a recogniser needs 1 unit and 1 layer or more; given {self.units} and {self.layers}")
        if not self.characters or len(set(self.characters)) != len(self.characters):
            raise ConfigError(f"a recogniser needs characters, each once; given '{self.characters}'")

    def build(self) -> Network:
        """Return the torch module: [batch, time, 161] -> log-probabilities [batch, (time + 1) // 2, 1 + characters].

        Weights come from torch's global random generator: seed it before.

        Raises:
            MissingExtraError: torch is not installed.

        """
        require_torch("building a recogniser")
        from emotone.nets.blocks import recogniser
        from emotone.nets.blocks.base import Network

        blocks = recogniser.deep_speech_layers(BANDS, units=self.units, layers=self.layers)
        blocks["characters"] = recogniser.CharacterLayer(self.units, 1 + len(self.characters))
        return Network(blocks)


def layer_outputs(
    network: Network, x: Tensor, lengths: Tensor | None = None
) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Return the output of every layer by name, with the valid steps of each item.

    Args:
        network: of `SpeechRecogniser.build`.
        x: [batch, time, 161].
        lengths: rows of each item [batch]; None if all are valid.

    """
    found = {}
    for name, block in network.blocks.items():
        x, lengths = block(x, lengths)
        found[name] = x, lengths
    return found
