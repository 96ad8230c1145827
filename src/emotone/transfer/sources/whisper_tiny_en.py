"""Whisper tiny.en: the encoder of a small English speech recogniser, 4 layers of 384 values."""

from __future__ import annotations

from emotone.transfer.source import PublishedFile
from emotone.transfer.whisper_tensors import whisper_source

SOURCE = whisper_source(
    name="whisper-tiny-en",
    title="Whisper tiny.en: encoder of a small English speech recogniser, 4 layers of 384 values",
    width=384,
    layers=4,
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
)
