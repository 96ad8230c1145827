"""Settings that the tables and the figures of the paper on spectrogram CNNs share."""

from __future__ import annotations

SPLITS = {"random": ("random split", "random-60-20-20"), "speakers": ("new speakers", "speakers-60-20-20")}
"""Column id -> title and protocol: the paper's split, of recordings instead of chunks, and its counterpart."""
FREE = ("emodb", "savee")
"""Corpora of the paper that anyone can get; each system is trained on both together."""
SHORT = (("training.epochs", 6), ("training.precision", "bfloat16"))
"""Settings of networks with convolutions: few epochs, and products in bfloat16."""
SHORT_LSTM = (("training.epochs", 10),)
"""Settings of the LSTM on raw chunks."""
