"""A recogniser of letters with two GRU layers of one direction, trained on LibriSpeech's development part."""

from __future__ import annotations

from emotone.transfer.letter_tensors import LetterTensors
from emotone.transfer.source import PublishedFile, Source

TENSORS = LetterTensors(
    {
        "gru1.ahead": "rnn-0",
        "norm1.norm": "batch_normalization_1",
        "gru2.ahead": "rnn-1",
        "norm2.norm": "batch_normalization_2",
        "symbols.linear": "time_distributed_3",
    }
)
SOURCE = Source(
    name="letter-gru",
    title="A recogniser of letters: two GRU layers of 200 units, trained on LibriSpeech",
    citation="stereoboy: AIND-VUI-Capstone, 2017 (course work); data: V. Panayotov et al.: Librispeech, ICASSP 2015",
    licence="MIT",
    licence_note="the licence of the repository",
    published=(PublishedFile("model_3.h5", "https://github.com/stereoboy/AIND-VUI-Capstone"),),
    rate=16000,
    net="letter-recogniser",
    layers=TENSORS.layers,
    shapes=TENSORS.shapes(symbols=False),
    optional=TENSORS.shapes(symbols=True),
    readers={".npz": TENSORS.read},
)
