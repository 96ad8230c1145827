"""Whisper base: the encoder of a multilingual speech recogniser, 6 layers of 512 values.

Its middle layers represent how something was said better than any other source here. OpenAI trained it on 680,000 hours
of audio that are not published; recordings of emotional speech corpora may be among them, without emotion labels.
"""

from __future__ import annotations

from emotone.transfer.source import PublishedFile
from emotone.transfer.whisper_tensors import whisper_source

SOURCE = whisper_source(
    name="whisper-base",
    title="Whisper base: encoder of a multilingual speech recogniser, 6 layers of 512 values",
    width=512,
    layers=6,
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
)
