"""A recogniser of letters with a convolution and two GRU layers of both directions, trained on LibriSpeech."""

from __future__ import annotations

from emotone.transfer.letter_tensors import LetterTensors
from emotone.transfer.source import PublishedFile, Source

TENSORS = LetterTensors(
    {
        "conv1.convolution": "conv1d",
        "conv1.norm": "bn_conv_1d",
        "gru1.ahead": "bidirectional_9/forward_rnn0",
        "gru1.back": "bidirectional_9/backward_rnn0",
        "norm1.norm": "batch_normalization_9",
        "gru2.ahead": "bidirectional_10/forward_rnn1",
        "gru2.back": "bidirectional_10/backward_rnn1",
        "norm2.norm": "batch_normalization_10",
        "symbols.linear": "time_distributed_7",
    }
)
SOURCE = Source(
    name="letter-convolution",
    title="A recogniser of letters: a convolution and two bidirectional GRU layers, trained on LibriSpeech",
    citation="ohnozzy: AIND-VUI-Capstone, 2018 (course work); data: V. Panayotov et al.: Librispeech, ICASSP 2015",
    licence="MIT",
    licence_note="the licence of the repository",
    published=(PublishedFile("model_end.h5", "https://github.com/ohnozzy/AIND-VUI-Capstone"),),
    rate=16000,
    net="letter-recogniser",
    layers=TENSORS.layers,
    shapes=TENSORS.shapes(symbols=False),
    optional=TENSORS.shapes(symbols=True),
    readers={".npz": TENSORS.read},
)
