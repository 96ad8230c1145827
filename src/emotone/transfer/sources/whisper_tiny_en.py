"""Whisper tiny.en: the encoder of a small English speech recogniser, 4 layers of 384 values."""

from __future__ import annotations

from emotone.transfer.source import PublishedFile, Source
from emotone.transfer.whisper_tensors import encoder_shapes, from_ctranslate2, from_safetensors, from_torch_file

WIDTH, LAYERS = 384, 4

SOURCE = Source(
    name="whisper-tiny-en",
    title="Whisper tiny.en: encoder of a small English speech recogniser, 4 layers of 384 values",
    citation="Radford, Kim, Xu, Brockman, McLeavey, Sutskever: Robust speech recognition via large-scale weak "
    "supervision, 2022",
    licence="MIT",
    licence_note="OpenAI's notice must accompany the weights",
    published=(
        PublishedFile(
            "model.bin",
            "https://huggingface.co/Systran/faster-whisper-tiny.en",
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        ),
        PublishedFile(
            "tiny.en.pt",
            "https://openaipublic.azureedge.net/main/whisper/models/"
            "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03/tiny.en.pt",
            "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03",
        ),
        PublishedFile("model.safetensors", "https://huggingface.co/openai/whisper-tiny.en"),
    ),
    rate=16000,
    net="whisper-encoder",
    layers=("conv1", "conv2", "positions", *(f"layer{number}" for number in range(1, LAYERS + 1)), "final_norm"),
    shapes=encoder_shapes(width=WIDTH, layers=LAYERS),
    readers={".bin": from_ctranslate2, ".pt": from_torch_file, ".safetensors": from_safetensors},
)
