"""Whisper base: the encoder of a multilingual speech recogniser, 6 layers of 512 values.

Its middle layers represent how something was said better than any other source here. OpenAI trained it on 680,000 hours
of audio that are not published; recordings of emotional speech corpora may be among them, without emotion labels.
"""

from __future__ import annotations

from emotone.transfer.source import PublishedFile, Source
from emotone.transfer.whisper_tensors import encoder_shapes, from_ctranslate2, from_safetensors, from_torch_file

WIDTH, LAYERS = 512, 6

SOURCE = Source(
    name="whisper-base",
    title="Whisper base: encoder of a multilingual speech recogniser, 6 layers of 512 values",
    citation="Radford, Kim, Xu, Brockman, McLeavey, Sutskever: Robust speech recognition via large-scale weak "
    "supervision, 2022",
    licence="MIT",
    licence_note="OpenAI's notice must accompany the weights",
    published=(
        PublishedFile(
            "model.bin",
            "https://huggingface.co/Systran/faster-whisper-base",
            "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
        ),
        PublishedFile(
            "base.pt",
            "https://openaipublic.azureedge.net/main/whisper/models/"
            "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e/base.pt",
            "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e",
        ),
        PublishedFile("model.safetensors", "https://huggingface.co/openai/whisper-base"),
    ),
    rate=16000,
    net="whisper-encoder",
    layers=("conv1", "conv2", "positions", *(f"layer{number}" for number in range(1, LAYERS + 1)), "final_norm"),
    shapes=encoder_shapes(width=WIDTH, layers=LAYERS),
    readers={".bin": from_ctranslate2, ".pt": from_torch_file, ".safetensors": from_safetensors},
)
